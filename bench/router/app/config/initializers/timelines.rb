Rails.application.routes.append do
  get '/context', to: 'timelines#context'
  get '/home', to: 'timelines#home'
end
