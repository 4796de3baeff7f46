# Two responses are enough: /health for health checks, and everything else with ?ms=N to take N milliseconds.
run lambda { |env|
  sleep env['QUERY_STRING'][/\Ams=(\d+)\z/, 1].to_i / 1000.0
  [200, { 'Content-Type' => 'text/plain' }, ['x' * 2000]]
}
