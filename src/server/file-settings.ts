import { formatDuration, parseDuration } from '../core/duration.ts';
import { limits } from '../core/limits.ts';
import {
  checkedWebhookSettings,
  type CheckedWebhookSettings,
  type WebhookSettings,
} from '../webhooks/webhook-settings.ts';
import type { ServerConfig } from './define-config.ts';
import { settingTable, type SettingName, type Settings } from './setting-table.ts';
import type { SettingOrigin } from './settings.ts';

// Settings that only a config file gives. The types make a missing one a compile error.

type FileSettingName = Exclude<keyof ServerConfig, SettingName | 'tasks' | 'webhooks'>;
type WebhookMember<Name> = Name extends `webhooks.${infer Member}` ? Member : never;
type WebhookFileSettingName = Exclude<keyof WebhookSettings, WebhookMember<SettingName>>;

type FileSetting = {
  readonly fallback: (settings: Settings) => unknown;
  /** The value is shown as a duration like '15 s'. */
  readonly isDuration?: boolean;
};

const fileSettings: Readonly<Record<FileSettingName, FileSetting>> = {
  bodyBytesMax: { fallback: () => limits.bodyBytes },
  pendingMax: { fallback: () => limits.pendingMaxDefault },
  dashboard: { fallback: () => true },
  threads: {
    fallback: ({ concurrency }) =>
      Math.max(1, Math.min(concurrency, navigator.hardwareConcurrency)),
  },
  lease: { fallback: () => limits.leaseMsDefault, isDuration: true },
  grace: { fallback: () => 5_000, isDuration: true },
};

const webhookFileSettings: Readonly<
  Record<WebhookFileSettingName, (checked: CheckedWebhookSettings, settings: Settings) => unknown>
> = {
  retryPauses: ({ pausesMs }) => pausesMs.map((ms) => formatDuration(ms)),
  connectTimeout: ({ connectMs }) => formatDuration(connectMs),
  endpointConcurrency: ({ endpointSlots }) => endpointSlots,
  originConcurrency: ({ originSlots }) => originSlots,
  origin: ({ origin }, { publicUrl }) =>
    origin ?? (publicUrl === undefined ? undefined : new URL(publicUrl).hostname),
  poll: ({ pollMs }) => formatDuration(pollMs),
};

/**
 * The settings that only the config file gives, with their origins; of `webhooks: false` that
 * alone. Throws `invalid_option` for those of `webhooks` as the start would; the others are checked
 * by what uses them, at the start.
 */
export function fileSettingOrigins(p: {
  readonly config: Partial<ServerConfig>;
  readonly settings: Settings;
}): SettingOrigin[] {
  const { config, settings } = p;
  const own = Object.entries(fileSettings).map(([name, { fallback, isDuration }]) => {
    const given = config[name as FileSettingName];
    const value = given ?? fallback(settings);
    return { name, value: isDuration === true ? durationText(value) : value, from: from(given) };
  });
  return [...own, ...webhookOrigins(config.webhooks, settings)];
}

function webhookOrigins(
  webhooks: WebhookSettings | false | undefined,
  settings: Settings,
): SettingOrigin[] {
  if (webhooks === false) return [{ name: 'webhooks', value: false, from: from(webhooks) }];
  const given = webhooks ?? {};
  // What a variable overrides is not checked: the start does not see it either.
  const fileOnly = Object.entries(given).filter(([name]) => !(`webhooks.${name}` in settingTable));
  const attemptTimeout = settings['webhooks.attemptTimeout'];
  const checked = checkedWebhookSettings({ ...Object.fromEntries(fileOnly), attemptTimeout });
  return Object.entries(webhookFileSettings).map(([name, read]) => ({
    name: `webhooks.${name}`,
    value: read(checked, settings),
    from: from(given[name as WebhookFileSettingName]),
  }));
}

function from(given: unknown): string {
  return given === undefined ? 'default' : 'config file';
}

/** A text that is no duration as it is: the start refuses it. */
function durationText(value: unknown): unknown {
  const ms = typeof value === 'number' || typeof value === 'string' ? parseDuration(value) : null;
  return ms === null ? value : formatDuration(ms);
}
