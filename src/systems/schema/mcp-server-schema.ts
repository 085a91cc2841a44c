import { z } from 'zod';

const variables = (value: z.ZodString) =>
  z.record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable has a name of letters, digits and _'),
    value,
  );
const headers = (value: z.ZodString) =>
  z.record(
    z.string().regex(/^[A-Za-z0-9-]+$/, 'a header has a name of letters, digits and -'),
    value,
  );
const secret = z.string().min(1).max(200);

const fields = {
  description: z.string().max(1_000_000).optional(),
  trusts_annotations: z
    .boolean()
    .optional()
    .describe('Whether its statements that a tool is read-only or idempotent are trusted.'),
  is_active: z.boolean().optional(),
  roots: z
    .array(
      z.strictObject({
        uri: z.string().regex(/^file:\/\/\//, 'a root begins with file:///'),
        name: z.string().optional(),
      }),
    )
    .max(50)
    .optional()
    .describe('Folders returned to the server when it asks for roots.'),
  sampling_model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'The model that answers sampling requests of the server; without it, they are refused.',
    ),
  allows_elicitation: z.boolean().optional().describe('Whether it may ask people.'),
};
/** The fields of all kinds of commands. */
const process = {
  env: variables(z.string()).optional().describe('Environment variables; put keys in secrets.'),
  cwd: z
    .string()
    .regex(/^\//, 'an absolute path is needed')
    .optional()
    .describe('The working directory.'),
  secrets: variables(secret).optional().describe('Names of secrets by variable.'),
  ...fields,
};

/**
 * The configuration of an MCP server by type. The fields are the columns of a server and those of
 * mcp_servers.configuration (howdah.mcp_server_schema). Some types are presets of commands.
 */
export const mcpServer = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('http'),
    url: z
      .string()
      .regex(/^https?:\/\/[^ ]+$/, 'an address begins with http:// or https://')
      .describe('The URL of a server with streamable HTTP.'),
    headers: headers(z.string()).optional().describe('Sent with each request.'),
    secret_name: secret.optional().describe('The secret that is sent as Authorization: Bearer.'),
    secrets: headers(secret).optional().describe('Names of secrets by header.'),
    integration: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('The integration whose OAuth token is sent as Authorization: Bearer.'),
    ...fields,
  }),
  z.strictObject({
    type: z.literal('stdio'),
    command: z
      .string()
      .min(1)
      .describe("A program on the worker's machine; only for owners of the database."),
    args: z.array(z.string()).optional(),
    ...process,
  }),
  z.strictObject({
    type: z.literal('filesystem'),
    args: z.array(z.string().min(1)).min(1).describe('The folders the server may use.'),
    ...process,
  }),
  z.strictObject({ type: z.literal('fetch'), args: z.array(z.string()).optional(), ...process }),
]);

/** The name of a server. The names of its tools begin with it. */
export const mcpServerName = z
  .string()
  .max(32)
  .regex(
    /^[A-Za-z0-9](_?[A-Za-z0-9-])*$/,
    'a server has a name of letters, digits, - and single _, not at its end',
  );

/** The servers of an agent. */
export const agentServers = z.union([
  z.array(z.string().min(1).max(200)),
  z.record(
    z.string().min(1).max(200),
    z.strictObject({
      allowed_tools: z
        .array(z.string().min(1))
        .optional()
        .describe('The allowed tools, by their names at the server; all by default.'),
    }),
  ),
]);
