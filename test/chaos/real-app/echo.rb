require_relative 'ledger'

# GET and POST of /echo?id=ID&ms=N&size=N: the id, what was sent, and a filler of the id, so that no answer is like another.
ECHO = lambda { |env|
  params = env['QUERY_STRING'].split('&').to_h { |pair| pair.split('=') }
  next [200, { 'Content-Type' => 'text/plain' }, ['OK']] unless params['id']

  Ledger.note('ask', params['id'], 'begun')
  sent = env['rack.input'].read.to_s
  sleep params['ms'].to_i / 1000.0
  filler = (params['id'] * (params['size'].to_i / params['id'].size + 1))[0, params['size'].to_i]
  body = ["#{params['id']} #{sent.bytesize}\n", filler, "\n#{params['id']}"]
  headers = { 'Content-Type' => 'text/plain' }
  headers['Content-Length'] = body.sum(&:bytesize).to_s unless params['chunked'] # else puma sends it in chunks
  Ledger.note('ask', params['id'], 'given')
  [200, headers, body]
}
