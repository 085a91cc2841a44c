import { isAbsolute, join } from 'node:path';
import { z } from 'zod';

/** The server that commands use instead of the database, if they can work over REST. */
export type CliSettings = Readonly<{
  apiUrl: string | undefined;
  /** A token or an API key for the server. */
  apiKey: string | undefined;
  /** The profile to use; `none` for no profile. */
  profile: string | undefined;
  /** The absolute path of the file of profiles. */
  profileFile: string | undefined;
  /** True if a browser that is opened here is visible to the person at this terminal. */
  hasDisplay: boolean;
}>;

/** The variables with their fixes, in the form of the variables of the configuration. */
export const cliVariables = {
  HOWDAH_API_URL: [
    z.url({ protocol: /^https?$/ }).optional(),
    'the http or https URL of a server, such as http://127.0.0.1:8000',
  ],
  HOWDAH_API_KEY: [z.string().optional(), 'a token or an API key'],
  HOWDAH_PROFILE: [
    z.string().optional(),
    'the name of a profile, as listed by `howdah admin profiles`',
  ],
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

/**
 * Returns whether a browser is visible here. Over ssh it would open on another screen, or on none.
 */
function hasDisplay(env: Environment): boolean {
  if (env.SSH_CONNECTION || env.SSH_TTY) return false;
  if (['darwin', 'win32'].includes(process.platform)) return true;
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** Returns the path by the rules of XDG, or undefined if the environment names no home. */
function profileFile(env: Environment): string | undefined {
  const named = [env.XDG_CONFIG_HOME, env.APPDATA].find((folder) => folder && isAbsolute(folder));
  const folder = named ?? (env.HOME && join(env.HOME, '.config'));
  return folder && join(folder, 'howdah', 'profiles.json');
}
