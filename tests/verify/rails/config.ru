# frozen_string_literal: true

# The middleware of the Rails page under puma, with the least app that can show what it did.
require 'json'
require_relative '../../../examples/verify/rails/gatepost_assertion'

app = lambda do |env|
  identity = env['gatepost.identity']
  body = JSON.generate(user: identity['user'], groups: identity['groups'])
  [200, { 'content-type' => 'application/json' }, [body]]
end

run GatepostAssertion.new(
  app,
  issuer: ENV.fetch('ASSERTION_ISSUER'),
  audience: ENV.fetch('ASSERTION_AUDIENCE'),
  jwks_url: ENV.fetch('ASSERTION_JWKS')
)
