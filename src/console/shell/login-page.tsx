import { Button, Code, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { useAction } from '../parts/use-action.ts';
import { type Failure, LOGIN_NEEDED } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { loginCheck } from '../server/operations.generated.ts';
import { setSessionKey } from '../server/session-key.ts';
import { OidcLogin } from './oidc-login.tsx';

const text = messages.login;

/** The page of a server that requires a login. The key is checked before it is kept. */
export function LoginPage({ failure: loginFailure }: { failure: Failure | undefined }) {
  useDocumentTitle(`${text.title} · Howdah`);
  const [key, setKey] = useState('');
  const [isMissing, setMissing] = useState(false);
  const { start, failure, isBusy } = useAction(async () => {
    const given = key.trim().replace(/^bearer +/i, '');
    const hasNone = given === '' || /\s/.test(given);
    setMissing(hasNone);
    if (hasNone) return;
    await request(loginCheck, {}, given);
    setSessionKey(given);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
  };
  return (
    <main className="login">
      <Paper withBorder p="xl" radius="md" component="form" onSubmit={submit} maw={440} w="100%">
        <Stack gap="md">
          <Title order={1} size="h3">
            {text.title}
          </Title>
          <OidcLogin failure={loginFailure} />
          <Text size="sm">{text.intro}</Text>
          <PasswordInput
            label={text.label}
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            error={isMissing ? text.missing : failure && sentenceOf(failure)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
            autoFocus
          />
          <Button type="submit" loading={isBusy}>
            {text.submit}
          </Button>
          <Text size="sm" c="dimmed">
            {text.howTo}
          </Text>
          <Code block>npx howdah admin key create NAME --tenant default</Code>
        </Stack>
      </Paper>
    </main>
  );
}

function sentenceOf(failure: Failure): string {
  return failure.code === LOGIN_NEEDED ? text.refused : failure.message;
}
