import { createPool } from './pool.ts';

/** Milliseconds during which announcements of the same moment are gathered. */
const GATHER_MS = 3;

export type Notifier = {
  /** Tells whoever listens that this run has something new. Never waits, never fails. */
  announce(executionId: string): void;
  close(): Promise<void>;
};

/**
 * Announces ids on one connection with `synchronous_commit = off`, many at a time: NOTIFY takes a lock of
 * the whole cluster until its commit is flushed, so it must neither flush nor happen once per step. A lost
 * announcement costs listeners latency only: they read rows from their cursors.
 */
export function createNotifier(url: string): Notifier {
  const pool = createPool({
    url,
    applicationName: 'howdah-notify',
    role: 'howdah_worker',
    max: 1,
    settings: { synchronous_commit: 'off' },
  });
  let pending = new Set<string>();
  let busy: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    const ids = [...pending];
    pending = new Set();
    await pool.query('select howdah_private.announce($1)', [ids]).catch(() => {});
    busy = pending.size > 0 ? flush() : undefined;
  };

  return {
    announce(executionId) {
      pending.add(executionId);
      busy ??= flush();
    },
    async close() {
      while (busy) {
        await busy;
      }
      await pool.end();
    },
  };
}
