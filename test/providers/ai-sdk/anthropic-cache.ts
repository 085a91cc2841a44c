import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../../src/json/json.ts';

/**
 * The usage of one request as Anthropic counts it. `input_tokens` were neither read from the cache
 * nor written to it.
 */
export type CachedUsage = {
  input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
};

export type PromptCache = {
  /** Counts the tokens of a request, and remembers what it writes. */
  count(body: JsonObject): CachedUsage;
};

/** Minimum number of tokens of a prefix that Anthropic caches (Claude Sonnet 4.5). */
const SHORTEST_PREFIX = 1_024;
/** Number of blocks before a mark in which Anthropic looks for a cached prefix. */
const LOOK_BACK = 20;
const MAX_MARKS = 4;

/**
 * Creates a prompt cache that counts as documented by Anthropic. A request is a list of blocks:
 * tools, system message, conversation. A block with `cache_control` is a mark. The prefix that ends
 * at a mark is written to the cache. The longest cached prefix that ends at a mark, or at most 20
 * blocks before one, is read from the cache. A token is four characters of JSON.
 */
export function createPromptCache(): PromptCache {
  const known = new Set<string>();
  return {
    count(body) {
      const blocks = blocksOf(body);
      const marks = blocks.flatMap(({ isMarked }, at) => (isMarked ? [at] : []));
      if (marks.length > MAX_MARKS) throw new Error(`${marks.length} blocks have cache_control`);
      const tokensAt = (at: number) => blocks[at]?.tokens ?? 0;
      const cacheable = marks.filter((at) => tokensAt(at) >= SHORTEST_PREFIX);
      const found = cacheable.map((mark) => lastKnown(blocks, mark, known));
      const read = Math.max(0, ...found.map(tokensAt));
      const written = Math.max(read, ...cacheable.map(tokensAt));
      for (const mark of cacheable) known.add((blocks[mark] as Block).prefix);
      return {
        input_tokens: tokensAt(blocks.length - 1) - written,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: written - read,
      };
    },
  };
}

/** The last block of a prefix, with the tokens and the digest of the prefix. */
type Block = { isMarked: boolean; tokens: number; prefix: string };

/** Returns the index of the last block up to a mark whose prefix is cached, or -1. */
function lastKnown(blocks: Block[], mark: number, known: ReadonlySet<string>): number {
  for (let at = mark; at >= Math.max(0, mark - LOOK_BACK); at -= 1) {
    if (known.has((blocks[at] as Block).prefix)) return at;
  }
  return -1;
}

function blocksOf({ tools, system, messages }: JsonObject): Block[] {
  const list = (value: Json | undefined) => (Array.isArray(value) ? value : []);
  const raw = [
    ...list(tools).map((tool) => ({ tool })),
    ...list(system).map((block) => ({ system: block })),
    ...list(messages).flatMap((message) => {
      const { role = null, content } = isJsonObject(message) ? message : {};
      return list(content).map((block) => ({ role, block }));
    }),
  ];
  let characters = 0;
  let prefix = '';
  return raw.map((block) => {
    const plain = JSON.stringify(block, (key, value) =>
      key === 'cache_control' ? undefined : value,
    );
    characters += plain.length;
    prefix = createHash('sha256').update(prefix).update(plain).digest('hex');
    const isMarked = JSON.stringify(block).includes('"cache_control"');
    return { isMarked, tokens: Math.ceil(characters / 4), prefix };
  });
}
