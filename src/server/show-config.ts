import { exampleConfigFile, findConfig, loadConfig } from './load-config.ts';
import { storeLabel } from './open-store.ts';
import type { Mode } from './setting-table.ts';
import { settingOrigins, type SettingOrigin } from './settings.ts';

/** What a server that is started here would go by. */
export type ShownConfig = {
  readonly mode: Mode;
  /** null: there is none here; `dev` takes the example's then. */
  readonly file: string | null;
  readonly settings: readonly SettingOrigin[];
};

/**
 * The settings of `dev`, `serve` or `worker` in `folder`, each with where it came from. Starts nothing. Throws
 * `invalid_option` as the start would.
 */
export async function showConfig(p: {
  readonly mode: Mode;
  /** As --config. */
  readonly config?: string | undefined;
  readonly folder?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}): Promise<ShownConfig> {
  const { mode, env = process.env, folder = process.cwd() } = p;
  const file = findConfig({ given: p.config, folder });
  const isExample = file === null && mode === 'dev';
  const config =
    file === null && !isExample ? {} : (await loadConfig(file ?? exampleConfigFile())).config;
  const settings = settingOrigins({ mode, flags: {}, env, config });
  return { mode, file, settings: settings.map((one) => withoutPassword(one)) };
}

/** The address of a store may hold a password; and DATABASE_URL is looked at where nothing else names one. */
function withoutPassword(one: SettingOrigin): SettingOrigin {
  if (one.name !== 'store' || typeof one.value !== 'string') return one;
  const isPostgres = /^postgres/i.test(one.value);
  const from = one.from === 'default' && isPostgres ? 'DATABASE_URL' : one.from;
  return { name: one.name, value: storeLabel(one.value), from };
}
