/**
 * The result of a check. `reason` says why it is not ok or is degraded, in words safe for the
 * public.
 */
export type Check = { name: string; ok: boolean; reason?: string };

/**
 * Runs one or several related checks. Throws when a check cannot run. The public answer does not
 * contain the error.
 */
export type Probe = () => readonly Check[] | Promise<readonly Check[]>;

/**
 * The readiness of a process to do its work. The answer needs no login, so it contains no host,
 * version, error or SQL.
 */
export type Readiness = {
  watch(probe: Probe): void;
  /** Reports the process as not ready from now on, because it is about to end. */
  drain(): void;
  checks(): Promise<readonly Check[]>;
};

/** Shorter than the timeout of the probes of orchestrators. */
const ANSWER_MS = 3_000;

/**
 * Creates the readiness of a process. `onTrouble` receives the errors that probes throw. Concurrent
 * callers share one result, so that requests without a login cannot keep the database busy.
 */
export function createReadiness(onTrouble: (error: unknown) => void): Readiness {
  const probes: Probe[] = [];
  let isDraining = false;
  let pending: Promise<readonly Check[]> | undefined;

  const runProbes = async (): Promise<readonly Check[]> => {
    const found = await Promise.all(probes.map((probe) => runProbe(probe, onTrouble)));
    return found.flat();
  };
  return {
    watch: (probe) => void probes.push(probe),
    drain: () => {
      isDraining = true;
    },
    async checks() {
      pending ??= runProbes().finally(() => {
        pending = undefined;
      });
      const checks = await pending;
      const draining = { ok: false, reason: 'This process is shutting down; use another one.' };
      return [...checks, { name: 'draining', ...(isDraining ? draining : { ok: true }) }];
    },
  };
}

async function runProbe(probe: Probe, onTrouble: (error: unknown) => void) {
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

/** The answer to a probe that throws. Probes that throw query the database. */
const UNREACHABLE: Check = {
  name: 'database',
  ok: false,
  reason: 'The database cannot be reached. Check DATABASE_URL, and that the server runs.',
};
