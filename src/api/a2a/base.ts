import type { FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { inBrackets } from '../../network/addresses.ts';
import { RequestRefusal } from '../errors/request-refusal.ts';
import { localNames } from '../http/loopback-guard.ts';

export type BaseOptions = Partial<Pick<Config, 'publicUrl'>> & Pick<Config, 'host'>;

/** What stands before the paths of this server in addresses that others keep. */
export type Base = {
  /** Throws `HWINV` when nobody has said where this server is, and the client came by a name that may be anybody's. */
  ofCard(request: FastifyRequest): string;
  /** There, the address of the connection. */
  ofFiles(request: FastifyRequest): string;
};

/**
 * Where the operator says that this server is. A Host is what a client writes, so without that word it counts only when it is
 * a name of this machine or the address the connection was made to; what stands before us may speak TLS for us.
 */
export function createBase({ publicUrl, host }: BaseOptions): Base {
  const names = localNames(host);
  const known = (request: FastifyRequest): string | undefined => {
    if (publicUrl !== undefined) return publicUrl;
    const url = URL.parse(`${schemeOf(request)}://${request.headers.host}`);
    return url && (names.has(url.hostname) || url.hostname === addressOf(request))
      ? url.origin
      : undefined;
  };
  return {
    ofCard(request) {
      const base = known(request);
      if (base !== undefined) return base;
      throw new RequestRefusal(
        400,
        'this server does not know itself by the Host it was asked by',
        {
          hint: 'Have its operator set HOWDAH_PUBLIC_URL to the address it is reached at, such as https://agents.example.com.',
          detail: { field: 'Host' },
        },
      );
    },
    ofFiles: (request) =>
      known(request) ??
      `${schemeOf(request)}://${addressOf(request)}:${request.raw.socket.localPort}`,
  };
}

function schemeOf({ headers }: FastifyRequest): 'http' | 'https' {
  return [headers['x-forwarded-proto']].flat()[0] === 'https' ? 'https' : 'http';
}

function addressOf({ raw: { socket } }: FastifyRequest): string {
  return inBrackets((socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, ''));
}
