import '../environment.ts';
import type { IncomingMessage } from 'node:http';
import type { BufferResult, Result } from 'postgraphile/grafserv';
import type { GraphQLError } from 'postgraphile/graphql';
import type { JsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { problem } from '../../errors/problem.ts';
import { causeOf } from '../mask-errors.ts';
import { changeExecution } from './change-execution.ts';

type Answer = {
  data?: JsonObject | null;
  errors?: { extensions?: { code?: string; statusCode?: number; detail?: JsonObject } }[];
};

const OWN_TYPE = 'application/graphql-response+json';

/**
 * Checks an answer before it is sent over HTTP. An operation that a limit refused gets Retry-After.
 * Its status is 429 if the client accepts the media type that has statuses. For `application/json`
 * it stays 200, as the specification of GraphQL over HTTP demands. Every error gets a code, and an
 * answer that is no GraphQL result becomes a problem document.
 */
export function createResponseStatusPlugin(): GraphileConfig.Plugin {
  const overLimit = new WeakSet<IncomingMessage>();
  return {
    name: 'HowdahAnswersPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        setPreset: changeExecution(async (configure, { node }) => {
          const config = await configure();
          return {
            ...config,
            execute: (async (args) => {
              const result = await config.execute(args);
              if (node && 'errors' in result && result.errors?.some(isLimit)) {
                overLimit.add(node.req);
              }
              return result;
            }) as typeof config.execute,
          };
        }),
        async processRequest(next, { requestDigest }) {
          const result = await next();
          const request = requestDigest.requestContext.node?.req;
          if (requestDigest.path !== '/graphql') return asPage(result);
          if (result?.type !== 'buffer') return result;
          if (result.statusCode === 406) return asProblem(406, messageOf(result));
          if (result.statusCode >= 400) return withCodes(result);
          return request && overLimit.has(request) ? refusedByLimit(result) : result;
        },
      },
    },
  };
}

function isLimit(error: GraphQLError): boolean {
  return (causeOf(error) as { code?: unknown } | undefined)?.code === 'HWQTA';
}

function refusedByLimit(result: BufferResult): Result {
  const { data, errors = [] } = answerOf(result);
  const waits = errors.map(({ extensions }) => Number(extensions?.detail?.retry_after_seconds));
  const seconds = Math.max(...waits.filter((wait) => wait > 0));
  const headers: Record<string, string> = {
    ...result.headers,
    ...(Number.isFinite(seconds) && { 'retry-after': `${seconds}` }),
  };
  const isWhole =
    errors.every(({ extensions }) => extensions?.code === 'HWQTA') &&
    Object.values(data ?? {}).every((value) => value === null);
  const hasStatuses = headers['content-type']?.startsWith(OWN_TYPE);
  if (!isWhole || !hasStatuses) return { ...result, headers };
  return { ...withBody({ ...result, headers }, { errors }), statusCode: 429 }; // `data` means 200
}

/**
 * Adds a code to the errors of grafserv, which have none. Removes the status from their extensions.
 */
function withCodes(result: BufferResult): Result {
  const answer = answerOf(result);
  const errors = (answer.errors ?? []).map(({ extensions, ...error }) => {
    const { statusCode: _, ...rest } = extensions ?? {};
    return { ...error, extensions: { code: 'HWINV', ...rest } };
  });
  return withBody(result, { ...answer, errors });
}

function asPage(result: Result | null): Result {
  if (result === null)
    return asProblem(405, 'This path serves pages only: use GET.', { allow: 'GET' });
  if (!('statusCode' in result) || result.statusCode < 400) return result;
  return asProblem(result.statusCode, 'This page does not exist.');
}

function asProblem(status: number, message: string, more: Record<string, string> = {}): Result {
  const code = status === 404 ? 'HWNTF' : 'HWINV';
  const errors = [{ message, extensions: { code } }];
  const { headers, body } = problem(status, code, message, status === 406 ? { errors } : {});
  return {
    type: 'buffer',
    statusCode: status,
    headers: { ...headers, ...more },
    buffer: Buffer.from(body),
  };
}

function messageOf(result: BufferResult): string {
  const [error] = answerOf(result).errors ?? [];
  return (error as { message?: string } | undefined)?.message ?? 'Not acceptable.';
}

function answerOf({ buffer }: BufferResult): Answer {
  return parseJson(buffer.toString('utf8')) as Answer;
}

function withBody(result: BufferResult, answer: Answer): BufferResult {
  const buffer = Buffer.from(JSON.stringify(answer));
  return {
    ...result,
    headers: { ...result.headers, 'content-length': `${buffer.length}` },
    buffer,
  };
}
