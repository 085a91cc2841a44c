// The server is next to the chaos programme, which is in the package and imports nothing from
// tests.
export * from '../../chaos/openai-server.ts';
