require_relative 'boot'
require 'active_record/railtie'
require 'action_dispatch/railtie'
require 'sidekiq'

# Loads only the frameworks that the tests need, so that it boots fast.
class Instance < Rails::Application
  config.load_defaults Rails.gem_version.segments.first(2).join('.')
  config.api_only = true
end
