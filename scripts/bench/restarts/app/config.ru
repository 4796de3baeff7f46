# Three ways to answer are enough: /health for whoever wants to know whether it is up, everything else takes ?ms=N.
run lambda { |env|
  sleep env['QUERY_STRING'][/\Ams=(\d+)\z/, 1].to_i / 1000.0
  [200, { 'Content-Type' => 'text/plain' }, ['x' * 2000]]
}
