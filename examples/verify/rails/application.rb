# In config/application.rb, inside `class Application < Rails::Application`:
require_relative '../lib/gatepost_assertion'

config.middleware.insert_before 0, GatepostAssertion,
                                issuer: ENV.fetch('ASSERTION_ISSUER'),
                                audience: ENV.fetch('ASSERTION_AUDIENCE'),
                                jwks_url: ENV.fetch('ASSERTION_JWKS')
