# frozen_string_literal: true

require 'json'
require 'jwt'
require 'net/http'

# Rack middleware: lets in requests with a valid Gatepost-Assertion.
class GatepostAssertion
  HEADER = 'HTTP_GATEPOST_ASSERTION'
  MAX_AGE_S = 300
  MIN_INTERVAL_S = 10

  def initialize(app, issuer:, audience:, jwks_url:)
    @app = app
    @jwks_url = URI(jwks_url)
    @options = {
      algorithms: ['ES256'],
      iss: issuer, verify_iss: true,
      aud: audience, verify_aud: true,
      required_claims: %w[iss aud exp nbf iat user],
      leeway: 10
    }
    @lock = Mutex.new
    @keys = nil
    @fetched_at = -Float::INFINITY
  end

  def call(env)
    claims, header = JWT.decode(env[HEADER], nil, true, **@options, jwks: method(:keys))
    return refuse(401) unless header['typ'] == 'gatepost+jwt'

    env['gatepost.identity'] = claims
    @app.call(env)
  rescue JWT::DecodeError
    refuse(401)
  rescue SystemCallError, SocketError, Timeout::Error, Net::ProtocolError
    refuse(503)
  end

  private

  # JWT asks again, with :kid_not_found, if it does not find the key.
  def keys(options)
    @lock.synchronize do
      age = now - @fetched_at
      fetch if age > MAX_AGE_S || (options[:kid_not_found] && age > MIN_INTERVAL_S)
      @keys
    end
  end

  def fetch
    http = Net::HTTP.new(@jwks_url.host, @jwks_url.port)
    http.use_ssl = @jwks_url.scheme == 'https'
    http.open_timeout = http.read_timeout = 5
    response = http.get(@jwks_url.request_uri)
    # Without an answer, the keys that are held stay good.
    raise Net::ProtocolError, "key set: #{response.code}" unless response.code == '200'

    @keys = JSON.parse(response.body, symbolize_names: true)
  rescue SystemCallError, SocketError, Timeout::Error, Net::ProtocolError
    raise if @keys.nil?
  ensure
    @fetched_at = now unless @keys.nil?
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def refuse(status)
    [status, { 'content-type' => 'text/plain' }, ["No valid identity assertion.\n"]]
  end
end
