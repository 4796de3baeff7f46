require_relative 'config/environment'
require_relative 'echo'
run ->(env) { env['PATH_INFO'] == '/echo' ? ECHO.call(env) : Rails.application.call(env) }
