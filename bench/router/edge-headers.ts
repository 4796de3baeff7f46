// The headers of a request as it arrives in a dyno: those of a browser, and those that the platform's edge adds.
export const EDGE_HEADERS: readonly string[] = [
  'Host: social.example',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: application/json, text/plain, */*',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Authorization: Bearer c3VwZXJ2aXNlLXN1cGVydmlzZS1zdXBlcnZpc2Utc3Vw',
  'Cookie: _session_id=5f3b7c1e9a2d4f6088aa; _mastodon_session=c3VwZXJ2aXNlLXN1cGVydmlzZS1zdXBlcnZpc2U%3D--6f1d2c',
  'Referer: https://social.example/home',
  'X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e',
  'X-Request-Start: 1763780000000',
  'X-Forwarded-For: 203.0.113.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 443',
  'Via: 1.1 vegur',
];
