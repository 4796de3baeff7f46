Rails.application.configure do
  config.eager_load = true
  config.secret_key_base = ENV.fetch('SECRET_KEY_BASE', 'only for tests')
  config.log_level = ENV.fetch('RAILS_LOG_LEVEL', 'info').to_sym
  config.logger = ActiveSupport::Logger.new($stdout)
  config.cache_store = :file_store, Rails.root.join('tmp/cache')
  config.active_record.dump_schema_after_migration = false
end
$stdout.sync = true
