import { expectTypeOf, test } from 'vitest';
import type * as Api from '../src/api.d.ts';
import type * as Main from '../src/main.ts';

// Checked by tsc in `npm run check`.
test('the published declarations are those of the code', () => {
  expectTypeOf<typeof Main.supervise>().toEqualTypeOf<typeof Api.supervise>();
  expectTypeOf<Main.ConfigError>().toEqualTypeOf<Api.ConfigError>();
  expectTypeOf<Main.UsageError>().toEqualTypeOf<Api.UsageError>();
  expectTypeOf<ConstructorParameters<typeof Main.ConfigError>>().toEqualTypeOf<
    ConstructorParameters<typeof Api.ConfigError>
  >();
});
