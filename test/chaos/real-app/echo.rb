require_relative 'events'

# GET and POST of /echo?id=ID&ms=N&size=N: responds with the id, the size of the request body and a filler made of the id, so that every
# response is different.
ECHO = lambda { |env|
  params = env['QUERY_STRING'].split('&').to_h { |pair| pair.split('=') }
  next [200, { 'Content-Type' => 'text/plain' }, ['OK']] unless params['id']

  Events.record('request', params['id'], 'started')
  sent = env['rack.input'].read.to_s
  sleep params['ms'].to_i / 1000.0
  filler = (params['id'] * (params['size'].to_i / params['id'].size + 1))[0, params['size'].to_i]
  body = ["#{params['id']} #{sent.bytesize}\n", filler, "\n#{params['id']}"]
  headers = { 'Content-Type' => 'text/plain' }
  headers['Content-Length'] = body.sum(&:bytesize).to_s unless params['chunked'] # else puma sends it in chunks
  Events.record('request', params['id'], 'responded')
  [200, headers, body]
}
