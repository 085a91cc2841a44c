import type { FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { inBrackets } from '../../network/addresses.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { localNames } from '../http/loopback-guard.ts';

export type BaseUrlOptions = Partial<Pick<Config, 'publicUrl'>> & Pick<Config, 'host'>;

/** BaseUrls addresses for links to this server that clients store. */
export type BaseUrls = {
  /**
   * Returns the base address for a card. Throws `HWINV` if the operator has not set the address of
   * this server, and the Host of the request may be the name of any machine.
   */
  ofCard(request: FastifyRequest): string;
  /**
   * Returns the base address for files. Where `ofCard` throws, this is the address of the
   * connection.
   */
  ofFiles(request: FastifyRequest): string;
};

/**
 * Creates the base addresses. The address that the operator has set comes first. Without it, the
 * Host of a request counts only if it is a name of this machine or the address of the connection,
 * because a client can write any Host. A proxy in front of this server may terminate TLS.
 */
export function createBaseUrls({ publicUrl, host }: BaseUrlOptions): BaseUrls {
  const names = localNames(host);
  const baseOf = (request: FastifyRequest): string | undefined => {
    if (publicUrl !== undefined) return publicUrl;
    const url = URL.parse(`${schemeOf(request)}://${request.headers.host}`);
    return url && (names.has(url.hostname) || url.hostname === addressOf(request))
      ? url.origin
      : undefined;
  };
  return {
    ofCard(request) {
      const base = baseOf(request);
      if (base !== undefined) return base;
      throw new RequestRefusal(
        400,
        'the Host header of the request is not a known address of this server',
        {
          hint: 'The operator must set HOWDAH_PUBLIC_URL to the public address of the server, such as https://agents.example.com.',
          detail: { field: 'Host' },
        },
      );
    },
    ofFiles: (request) =>
      baseOf(request) ??
      `${schemeOf(request)}://${addressOf(request)}:${request.raw.socket.localPort}`,
  };
}

function schemeOf({ headers }: FastifyRequest): 'http' | 'https' {
  return [headers['x-forwarded-proto']].flat()[0] === 'https' ? 'https' : 'http';
}

function addressOf({ raw: { socket } }: FastifyRequest): string {
  return inBrackets((socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, ''));
}
