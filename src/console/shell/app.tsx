import { Center, Loader, MantineProvider } from '@mantine/core';
import { Router } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { basePath } from '../server/base-path.ts';
import { type Failure, LOGIN_NEEDED } from '../server/failure.ts';
import { MeProvider } from '../server/me.tsx';
import { loginCheck } from '../server/operations.generated.ts';
import { useSessionKey } from '../server/session-key.ts';
import { useAnswer } from '../server/use-answer.ts';
import { OpenProposalsProvider } from '../server/waiting/open-proposals.tsx';
import { OpenQuestionsProvider } from '../server/waiting/open-questions.tsx';
import { LoginPage } from './login-page.tsx';
import { SigningIn, useOidcReturn } from './oidc-login.tsx';
import { Shell } from './shell.tsx';
import { theme } from './theme.ts';

/** The console: a login where the server requires one, then the places. */
export function App({ nonce }: { nonce: string | undefined }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      getStyleNonce={nonce === undefined ? undefined : () => nonce}
    >
      <Router base={basePath}>
        <Entrance />
      </Router>
    </MantineProvider>
  );
}

/** Asks the server once whether this tab may use it. A new login begins everything anew. */
function Entrance() {
  const key = useSessionKey();
  const { isPending, failure } = useOidcReturn();
  if (isPending) return <SigningIn />;
  return <Guarded key={key ?? ''} loginFailure={failure} />;
}

function Guarded({ loginFailure }: { loginFailure: Failure | undefined }) {
  const { data, failure, reload } = useAnswer(loginCheck, {});
  if (failure?.code === LOGIN_NEEDED) return <LoginPage failure={loginFailure} />;
  if (data) {
    return (
      <MeProvider me={data.me}>
        <OpenQuestionsProvider>
          <OpenProposalsProvider>
            <Shell />
          </OpenProposalsProvider>
        </OpenQuestionsProvider>
      </MeProvider>
    );
  }
  return (
    <Center mih="100vh" p="md" component="main">
      {failure ? (
        <FailureAlert failure={failure} onRetry={reload} />
      ) : (
        <Loader aria-label={messages.common.loading} />
      )}
    </Center>
  );
}
