import { type Client, createClient, type DatabaseRole, quoteName } from '../connection/pool.ts';

/** Milliseconds between attempts to restore the listening connection. */
const RECONNECT_MS = 250;
/** The channel on which Graphile Worker announces new jobs, in each database. */
const JOBS_CHANNEL = 'jobs:insert';

export type ListenOptions = {
  url: string;
  applicationName: string;
  role?: DatabaseRole;
  /** The names of the channels, without what makes them unique in the cluster. */
  channels: readonly string[];
  /** Called when jobs are added to the queue. Without it, this is not listened to. */
  onJobsAdded?: (() => void) | undefined;
  /** Called with the name of the channel and the payload. */
  onNotification(channel: string, payload: string): void;
  /** Called when a lost connection is restored. Notifications may have been missed. */
  onReconnected(): void;
};

/** Listens to channels of this database. Only listeners may know the names of the channels. */
export async function listenTo(client: Client, names: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ channel: string }>(
    'select howdah_private.channel(n.name) as channel from unnest($1::text[]) as n (name)',
    [names],
  );
  await client.query(rows.map(({ channel }) => `listen ${quoteName(channel)}`).join('; '));
}

/** A listening connection that is restored when it is lost, until it is closed. */
export class ListenConnection {
  readonly #options: ListenOptions;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** The query that the connection executes now. The connection takes one query at a time. */
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  /** Connects and listens. Rejects if the first attempt fails. */
  async open(): Promise<void> {
    const { url, applicationName, role, channels, onJobsAdded } = this.#options;
    const client = createClient({ url, applicationName, ...(role && { role }) });
    client.on('error', () => {}); // `end` follows
    client.on('end', () => this.#lose(client));
    client.on('notification', ({ channel, payload = '' }) => {
      if (channel === JOBS_CHANNEL) return onJobsAdded?.();
      const name = channels.find((one) => channel.startsWith(`howdah_${one}_`));
      if (name !== undefined) this.#options.onNotification(name, payload);
    });
    try {
      await client.connect();
      await listenTo(client, channels);
      if (onJobsAdded) await client.query(`listen ${quoteName(JOBS_CHANNEL)}`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#isClosed) {
      await client.end();
    } else {
      this.#client = client;
    }
  }

  /** Executes a query on the connection, one at a time. Rejects while the connection is lost. */
  async query<T>(text: string, values: unknown[]): Promise<T[]> {
    const result = this.#busy.then(async () => {
      if (!this.#client) throw new Error('the listening connection is lost');
      return (await this.#client.query(text, values)).rows;
    });
    this.#busy = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#busy;
    await this.#client?.end().catch(() => {});
  }

  #lose(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#retry();
  }

  #retry(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#busy = this.open().then(this.#options.onReconnected, () => this.#retry());
    }, RECONNECT_MS);
  }
}
