import { Button, Center, Divider, Loader } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { type Failure, toFailure } from '../server/failure.ts';
import { useRest } from '../server/rest.ts';
import { setSessionKey, useSessionKey } from '../server/session-key.ts';
import {
  finishOidcLogin,
  isAtLoginAddress,
  type OidcProvider,
  oidcAnswer,
  pageToReturnTo,
  startOidcLogin,
} from './oidc-requests.ts';

const text = messages.login;

/** Shows the login at the provider of the server, if it has one, and why the last one failed. */
export function OidcLogin({ failure }: { failure: Failure | undefined }) {
  const { data } = useRest<OidcProvider>('/login/oidc');
  const login = useAction(() => startOidcLogin(pageToReturnTo()));
  const { issuer, url } = data?.body ?? { issuer: null, url: null };
  const shown = login.failure ?? (login.isBusy ? undefined : failure);
  if (issuer === null || url === null) return shown ? <FailureAlert failure={shown} /> : null;
  return (
    <>
      {shown && <FailureAlert failure={shown} />}
      {isAtLoginAddress(url) ? (
        <Button onClick={() => login.start()} loading={login.isBusy}>
          {text.oidc(issuer)}
        </Button>
      ) : (
        <Button component="a" href={`${url}/login`}>
          {text.oidc(issuer)}
        </Button>
      )}
      <Divider label={text.or} />
    </>
  );
}

/** The end of a login at the provider: undefined when it is over or when there is none. */
export type OidcReturn = { isPending: boolean; failure: Failure | undefined };

/** Ends the login that brought the browser back, and shows the page where it began. */
export function useOidcReturn(): OidcReturn {
  const [state, setState] = useState<OidcReturn>({
    isPending: oidcAnswer !== undefined,
    failure: undefined,
  });
  const [, navigate] = useLocation();
  const key = useSessionKey();
  useEffect(() => {
    // after a login by a key, the failure is of the past
    if (key !== undefined) setState((last) => ({ ...last, failure: undefined }));
  }, [key]);
  useEffect(() => {
    if (oidcAnswer === undefined) return;
    finishOidcLogin(oidcAnswer).then(
      ({ token, return_to }) => {
        navigate(return_to, { replace: true });
        setSessionKey(token);
        setState({ isPending: false, failure: undefined });
      },
      (error: unknown) => setState({ isPending: false, failure: toFailure(error) }),
    );
  }, []);
  return state;
}

/** The page while a login ends. */
export function SigningIn() {
  return (
    <Center mih="100vh" p="md" component="main">
      <Loader aria-label={text.signingIn} />
    </Center>
  );
}
