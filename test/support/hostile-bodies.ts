// Bodies that are cheap to send and expensive to read: wide, deep, long, repeated, ambiguous, or
// wrong in a thousand places. Each has about the requested number of characters, so that a test can
// compare the cost of two sizes or two kinds.

export type Bodies = Readonly<Record<string, string>>;

/** Joins as many parts as fit. */
function fill(characters: number, part: (index: number) => string, between = ''): string {
  const parts: string[] = [];
  for (let length = 0, index = 0; length < characters; index += 1) {
    const next = part(index);
    parts.push(next);
    length += next.length + between.length;
  }
  return parts.join(between);
}

/** Returns a valid file of this many characters, to compare the others with. */
export const plainYaml = (characters: number): string =>
  fill(characters, (index) => `k${index}: a text\n`);

/** Returns YAML texts that are rejected, or that cost as much to read as a plain text. */
export function hostileYaml(characters: number): Bodies {
  const times = (part: string) => part.repeat(Math.ceil(characters / part.length));
  const half = Math.ceil(characters / 2);
  return {
    aliases: `a: &a 1\nb:\n${times('- *a\n')}`,
    'aliases of a large anchor': `a: &a [${'x,'.repeat(half / 2)}]\nb:\n${'- *a\n'.repeat(half / 5)}`,
    'aliases that double': `a0: &a0 [x]\n${fill(characters, (i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`)}`,
    'anchors of many names': fill(characters, (i) => `- &a${i} 1\n`),
    'many keys': fill(characters, (i) => `k${i}:\n`),
    'many keys on a line': `{${fill(characters, (i) => `k${i}`, ',')}}`,
    'one key again and again': times('k: 1\n'),
    'open lists': times('['),
    'open objects': times('{a: '),
    'lists in lists': times('- '),
    'keys in keys': times('? '),
    'mappings in mappings': fill(characters, (i) => `${' '.repeat(i)}a:\n`),
    'a value for nothing': times(': '),
    'brackets that close nothing': times(']\n'),
    'quotes that follow one another': times('"'),
    'tabs for spaces': times('\ta:\n'),
    'tags without end': times('!a '),
    directives: times('%a\n'),
    comments: times('# a\n'),
    'empty lines': times('\n'),
    'one long text': `a: ${times('x')}`,
    'one text on many lines': `a: ${times('x\n  ')}`,
    'a block of many lines': `a: |\n${times('  x\n')}`,
    'lists on one line': `[${times('a,')}]`,
    'unknown sections': `version: v1\nname: x\n${fill(characters, (i) => `agent${i}: 1\n`)}`,
    'agents that are none': `version: v1\nname: x\nagents:\n${fill(characters, (i) => `  a${i}: 1\n`)}`,
    'members that are none': `version: v1\nname: x\nworkflows:\n  w:\n    type: chain\n    members:\n${times('    - {agen: x}\n')}`,
    'statements in a function': `version: v1\nname: x\nfunctions: {f: {definition: "${times('select 1;')}"}}`,
  };
}

/**
 * Returns JSON texts; `known` is a name that the body may have, and `list` the name of a list in
 * it.
 */
export function hostileJson(characters: number, known = 'message', list = 'messages'): Bodies {
  const times = (part: string) => part.repeat(Math.ceil(characters / part.length));
  const items = (item: string) => `[${fill(characters, () => item, ',')}]`;
  return {
    'names that are like one': `{${fill(characters, (i) => `"${known.slice(0, -1)}${i}":1`, ',')}}`,
    'a long name that is like one': `{"${known}${times('x')}":1}`,
    'a list of numbers': `{"${list}":${items('1')}}`,
    'a list of empty objects': `{"${list}":${items('{}')}}`,
    'a list of unknown kinds': `{"${list}":${items('{"type":"x","role":"y"}')}}`,
    'a list of lists': `{"${list}":${items('[[[]]]')}}`,
    'a list for a text': `{"${known}":${items('"x"')}}`,
    'an object for a text': `{"${known}":{${fill(characters, (i) => `"k${i}":1`, ',')}}}`,
    'one long text': `{"${known}":"${times('x')}"}`,
    'escaped quotes': `{"${known}":"${times('\\"')}"}`,
    backslashes: `{"${known}":"${times('\\\\')}"}`,
    'spaces behind names': `{"${known}"${times(' ')}:1}`,
    'a name twice, far apart': `{"a":1,${fill(characters, (i) => `"k${i}":1`, ',')},"a":2}`,
    'nested lists': `{"${known}":${'['.repeat(characters / 2)}${']'.repeat(characters / 2)}}`,
    'nested objects': `{"${known}":${'{"a":'.repeat(characters / 6)}1${'}'.repeat(characters / 6)}}`,
    'open lists': `{"${known}":${times('[')}`,
    'half pairs': `{"${known}":"${times('\\ud800')}"}`,
    'null characters': `{"${known}":"${times('\\u0000')}"}`,
    numbers: `{"${known}":${'9'.repeat(characters)}}`,
  };
}

/** Returns texts of GraphQL operations; at most 100,000 characters of one are read. */
export function hostileOperations(characters: number): Bodies {
  const times = (part: string) => part.repeat(Math.ceil(characters / part.length));
  return {
    'one field again and again': `{ agents { nodes { ${times('id ')} } } }`,
    'unknown fields': `{ agents { nodes { ${fill(characters, (i) => `nam${i}`, ' ')} } } }`,
    'unknown arguments': `{ agents(${fill(characters, (i) => `filt${i}: 1`, ' ')}) { totalCount } }`,
    'unknown fields of a filter': `{ agents(filter: {${fill(characters, (i) => `nam${i}: 1`, ' ')}}) { totalCount } }`,
    'a long list': `{ agents(filter: {name: {in: [${times('"x" ')}]}}) { totalCount } }`,
    'a long order': `{ agents(orderBy: [${times('NAME_ASC ')}]) { totalCount } }`,
    variables: `query (${fill(characters, (i) => `$v${i}: Int`, ' ')}) { nodeId }`,
    operations: fill(characters, (i) => `query q${i} { nodeId }`, ' '),
    fragments: `{ ...f0 } ${fill(characters, (i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 2} }`, ' ')}`,
    spreads: `{ ${times('...f ')} } fragment f on Query { nodeId }`,
    'inline fragments': `{ ${times('... { nodeId } ')} }`,
    'fragments in fragments': `{ ${times('... { ')}`,
    directives: `{ nodeId ${times('@include(if: true) ')} }`,
    'types of a schema': fill(characters, (i) => `type T${i} { a: A }`, ' '),
    'open lists': `{ agents(first: ${times('[')}`,
    comments: `{ nodeId } ${times('#\n')}`,
  };
}
