import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DynoOptions } from '../harness/dyno.ts';
import { checkout, startInstance, type Instance } from './instance.ts';

/** Routes that report how puma and Rails see a request, and that respond in all relevant ways. */
const ROUTES = `
  text = ->(value) { [200, { 'Content-Type' => 'text/plain' }, [value.to_s]] }
  seen = lambda { |env|
    asked = ActionDispatch::Request.new(env)
    heads = env.select { |name, _| name.start_with?('HTTP_') || name == 'CONTENT_LENGTH' }
    JSON.generate(method: asked.request_method, path: asked.fullpath, ip: asked.remote_ip, ssl: asked.ssl?, host: asked.host,
                  id: asked.request_id, heads: heads)
  }
  match '/seen', via: :all, to: ->(env) { text.call(seen.call(env)) }
  post '/digest', to: lambda { |env|
    digest, bytes = Digest::SHA1.new, 0
    while (piece = env['rack.input'].read(65_536))
      digest << piece
      bytes += piece.bytesize
    end
    text.call(JSON.generate(bytes: bytes, digest: digest.hexdigest))
  }
  get '/pieces', to: lambda { |env|
    asked = Rack::Request.new(env).params
    piece, count = 'x' * 65_536, asked['count'].to_i
    heads = { 'Content-Type' => 'application/octet-stream', 'Last-Modified' => 'Thu, 01 Jan 2026 00:00:00 GMT' } # else Rails gathers it all for an ETag
    heads['Content-Length'] = (count * 65_536).to_s if asked['length']
    [200, heads, Enumerator.new { |body| count.times { |index| asked['fail'].to_i == index + 1 ? raise('told to') : body << piece } }]
  }
  get '/hints', to: lambda { |env|
    env['rack.early_hints']&.call('Link' => '</a.css>; rel=preload; as=style')
    text.call('hinted')
  }
  get '/cookies', to: ->(_env) { [200, { 'Set-Cookie' => "a=1; path=/\\nb=2; path=/" }, ['two']] }
  get '/nothing', to: ->(_env) { [204, {}, []] }
  get '/same', to: ->(_env) { [304, { 'ETag' => '"a"' }, []] }
`;

/** Redirects every request but the health check to https, as Mastodon does. */
const FORCE_SSL = `
Rails.application.configure do
  config.force_ssl = true
  config.ssl_options = { redirect: { exclude: ->(asked) { asked.path.start_with?('/health') } } }
end
`;

/** A checkout of the app with these routes. bootS: how long puma boots. */
export function routedCheckout(bootS = 0): string {
  const folder = checkout();
  const routes = join(folder, 'config/routes.rb');
  writeFileSync(routes, readFileSync(routes, 'utf8').replace(/^end$/m, `${ROUTES}end`));
  appendFileSync(join(folder, 'config/environments/production.rb'), FORCE_SSL);
  appendFileSync(join(folder, 'config/puma.rb'), '\nearly_hints true\n');
  appendFileSync(join(folder, 'config/boot.rb'), `\nsleep ${bootS}\n`);
  return folder;
}

/** A dyno with the router in front of puma, and of streaming if the environment enables it. */
export function startRouted(env: DynoOptions['env'] = {}, cwd = routedCheckout()): Promise<Instance> {
  const streaming = fileURLToPath(new URL('../../dist/simulator/stand-ins/streaming.js', import.meta.url));
  const settings = {
    SUPERVISE_ROUTER: 'true',
    RAILS_LOG_LEVEL: 'warn',
    STREAMING_COMMAND: `${process.execPath} ${streaming}`,
    STAND_IN_BOOT_MS: '50',
    BIND: '127.0.0.1',
  };
  return startInstance({ cwd, env: { ...settings, ...env } });
}
