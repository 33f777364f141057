class NotesController < ApplicationController
  def index
    identity = request.env['gatepost.identity']
    render json: { user: identity['user'], groups: identity['groups'] }
  end
end
