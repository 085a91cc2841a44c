import { type Howdah, start } from 'howdah';

/** The instance of this process. `next dev` loads this module again after each change. */
const shared = globalThis as { howdah?: Promise<Howdah> };

/** Returns the instance, which the first request starts. */
export function getHowdah(): Promise<Howdah> {
  shared.howdah ??= start({ port: false });
  return shared.howdah;
}
