import { isAbsolute, join } from 'node:path';
import { z } from 'zod';

/** Whom commands ask that can do so over REST, instead of the database. */
export type CliSettings = Readonly<{
  apiUrl: string | undefined;
  /** A token or an API key for it. */
  apiKey: string | undefined;
  /** The profile to use; `none` for none. */
  profile: string | undefined;
  /** Absolute: where profiles are kept. */
  profileFile: string | undefined;
  /** Whether a browser that is opened here is seen by who sits at this terminal. */
  hasDisplay: boolean;
}>;

/** The values with their fixes, as those of the configuration. */
export const cliVariables = {
  HOWDAH_API_URL: [
    z.url({ protocol: /^https?$/ }).optional(),
    'the http or https URL of a server, such as http://127.0.0.1:8000',
  ],
  HOWDAH_API_KEY: [z.string().optional(), 'a token or an API key'],
  HOWDAH_PROFILE: [z.string().optional(), 'the name of a profile: howdah profiles'],
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Values = { [N in keyof typeof cliVariables]: z.infer<(typeof cliVariables)[N][0]> };
type Environment = Readonly<Record<string, string | undefined>>;

export function cliSettings(values: Values, env: Environment): CliSettings {
  return {
    apiUrl: values.HOWDAH_API_URL,
    apiKey: values.HOWDAH_API_KEY,
    profile: values.HOWDAH_PROFILE,
    profileFile: profileFile(env),
    hasDisplay: hasDisplay(env),
  };
}

/** Over ssh it would open on a screen elsewhere, or nowhere. */
function hasDisplay(env: Environment): boolean {
  if (env.SSH_CONNECTION || env.SSH_TTY) return false;
  if (['darwin', 'win32'].includes(process.platform)) return true;
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** By the rules of XDG; undefined when the environment names no home. */
function profileFile(env: Environment): string | undefined {
  const named = [env.XDG_CONFIG_HOME, env.APPDATA].find((folder) => folder && isAbsolute(folder));
  const folder = named ?? (env.HOME && join(env.HOME, '.config'));
  return folder && join(folder, 'howdah', 'profiles.json');
}
