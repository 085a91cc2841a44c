/** What was looked at, and why it is not ok, or not what it might be: in words that a stranger may read. */
export type Check = { name: string; ok: boolean; reason?: string };

/** Looks at one thing or a few that are asked together. Throws when it cannot: of that nobody outside learns more. */
export type Probe = () => readonly Check[] | Promise<readonly Check[]>;

/** Whether a process can do its work now. Its answer needs no login, so it holds no host, version, error or SQL. */
export type Readiness = {
  watch(probe: Probe): void;
  /** From now on it is not ready: it ends, and others are to be asked. */
  drain(): void;
  checks(): Promise<readonly Check[]>;
};

/** Shorter than what probes of orchestrators wait for. */
const ANSWER_MS = 3_000;

/** `onTrouble` hears of what a probe throws. Many who ask at once are told the same: no stranger keeps a database busy by asking. */
export function createReadiness(onTrouble: (error: unknown) => void): Readiness {
  const probes: Probe[] = [];
  let isDraining = false;
  let asked: Promise<readonly Check[]> | undefined;

  const look = async (): Promise<readonly Check[]> => {
    const found = await Promise.all(probes.map((probe) => answered(probe, onTrouble)));
    return found.flat();
  };
  return {
    watch: (probe) => void probes.push(probe),
    drain: () => {
      isDraining = true;
    },
    async checks() {
      asked ??= look().finally(() => {
        asked = undefined;
      });
      const checks = await asked;
      const draining = { ok: false, reason: 'This process is about to end; ask another one.' };
      return [...checks, { name: 'draining', ...(isDraining ? draining : { ok: true }) }];
    },
  };
}

async function answered(probe: Probe, onTrouble: (error: unknown) => void) {
  const late = Promise.withResolvers<readonly Check[]>();
  const timer = setTimeout(() => late.reject(new Error('a probe did not answer')), ANSWER_MS);
  try {
    return await Promise.race([probe(), late.promise]);
  } catch (error) {
    onTrouble(error);
    return [UNREACHABLE];
  } finally {
    clearTimeout(timer);
  }
}

/** Probes that throw ask the database. */
const UNREACHABLE: Check = {
  name: 'database',
  ok: false,
  reason: 'The database cannot be reached. Check DATABASE_URL, and that the server runs.',
};
