Rails.application.routes.draw do
  answer = ->(text) { [200, { 'Content-Type' => 'text/plain' }, [text.to_s]] }

  get '/health', to: ->(_env) { answer.call('OK') }
  get '/timeline', to: ->(_env) { answer.call(Array.new(3) { Timeline.page }.last) }
  get '/pid', to: ->(_env) { answer.call(Process.pid) }
  get '/slow', to: lambda { |env|
    sleep Rack::Request.new(env).params.fetch('seconds').to_f
    answer.call('slow but sure')
  }
  # Writes to stdout until that blocks; responds with the number of lines written so far.
  get '/flood', to: lambda { |_env|
    $flood ||= Thread.new { loop { $stdout.write("#{'flood ' * 100}\n") && Thread.current[:lines] = Thread.current[:lines].to_i + 1 } }
    answer.call($flood[:lines].to_i)
  }
end
