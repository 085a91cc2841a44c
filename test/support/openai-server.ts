// It stands beside the programme of chaos, which is in the package and imports nothing of the tests.
export * from '../../chaos/openai-server.ts';
