import { Counter, Gauge, type Registry } from 'prom-client';

/** The properties of a replica that the metrics report. */
export type WatchedReplica = {
  readonly trouble: string | undefined;
  readonly lag: number | undefined;
};

/**
 * Creates the metrics of reads by server, for processes with a replica. Without a replica they have
 * no samples.
 */
export function createReplicaMetrics(register: Registry) {
  const registers = [register];
  let replica: WatchedReplica | undefined;
  const reads = new Counter({
    name: 'howdah_reads_total',
    help: 'Reads of an API with a replica, by the server that was read: the replica (reason current), or the primary (reason behind, away, lagging, promoted, foreign or failed).',
    labelNames: ['server', 'reason'],
    registers,
  });
  new Gauge({
    name: 'howdah_replica_up',
    help: '1 while the replica serves reads.',
    labelNames: [],
    registers,
    collect() {
      if (replica) this.set(replica.trouble === undefined ? 1 : 0);
      else this.remove();
    },
  });
  new Gauge({
    name: 'howdah_replica_lag_seconds',
    help: 'Age of the newest data on the replica.',
    registers,
    collect() {
      if (replica?.lag === undefined) this.remove();
      else this.set(replica.lag);
    },
  });
  return {
    countRead: (server: string, reason: string) => reads.inc({ server, reason }),
    watchReplica(one: WatchedReplica) {
      replica = one;
    },
  };
}
