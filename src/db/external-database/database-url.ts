import { hostOf } from '../../network/host-pattern.ts';
import { decodePercent } from '../../text/decode-percent.ts';

export type Tls = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** The database, the login and the TLS mode of a connection. */
export type DatabaseUrl = {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  tls: Tls;
};

const TLS: readonly string[] = ['disable', 'require', 'verify-ca', 'verify-full'] satisfies Tls[];

/**
 * Parses `postgresql://user:password@host:port/database?sslmode=verify-full`. All parts are
 * required, because a missing part would be taken from the environment of this process. Only the
 * parameter `sslmode` is allowed, because other parameters name files of this machine. Returns an
 * error as a sentence that contains no part of the URL.
 */
export function parseDatabaseUrl(text: string): DatabaseUrl | string {
  const url = URL.parse(text.trim());
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) {
    return 'it must be a URL that begins with postgresql://';
  }
  const place = URL.parse(`http://${url.host}/`);
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(
    decodePercent,
  );
  if (!place || !url.hostname) return 'it has no host';
  if (!user || !password) return 'it must contain a user and a password';
  if (!database) return 'it has no database';
  const { sslmode = 'verify-full', ...others } = Object.fromEntries(url.searchParams);
  if (Object.keys(others).length > 0) return 'sslmode is the only allowed parameter';
  if (!TLS.includes(sslmode)) return `its sslmode must be one of ${TLS.join(', ')}`;
  const port = url.port === '' ? 5432 : Number(url.port);
  return { host: hostOf(place), port, user, password, database, tls: sslmode as Tls };
}
