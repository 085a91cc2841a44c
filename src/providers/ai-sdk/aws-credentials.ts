import type { SharedV4ProviderOptions } from '@ai-sdk/provider';
import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Failure } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { createFailure } from '../failure.ts';
import type { SdkModels } from './models.ts';

/** An access key of AWS, which signs requests to Bedrock. */
export type AwsCredentials = Readonly<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  region?: string;
}>;

const ACCESS_KEY_ID = /^A[A-Z]IA[A-Z0-9]{12,60}$/;
const REGION = /^[a-z]{2,5}(-[a-z]+)+-\d{1,2}$/;

/**
 * Parses an access key of the form `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, optionally followed by
 * `:REGION` and `:SESSION_TOKEN`. Returns null for any other key, which is sent unchanged.
 */
export function awsCredentialsIn(key: string | undefined): AwsCredentials | null {
  const [accessKeyId = '', secretAccessKey = '', ...others] = key?.trim().split(':') ?? [];
  if (!ACCESS_KEY_ID.test(accessKeyId) || secretAccessKey === '' || others.length > 2) return null;
  const region = others.find((part) => REGION.test(part));
  const sessionToken = others.find((part) => part !== '' && !REGION.test(part));
  return {
    ...{ accessKeyId, secretAccessKey },
    ...(region !== undefined && { region }),
    ...(sessionToken !== undefined && { sessionToken }),
  };
}

/** Returns the access key in the variables of AWS, in the form that `awsCredentialsIn` parses. */
export function awsKeyIn(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env;
  if (!id?.trim() || !secret?.trim()) return undefined;
  const parts = [id, secret, env.AWS_REGION || env.AWS_DEFAULT_REGION, token];
  return parts.flatMap((part) => part?.trim() || []).join(':');
}

/**
 * Returns the failure of a request that cannot be signed: its region is unknown, or its body would
 * change after the package has signed it.
 */
export function refuseUnsignable(
  { name }: ModelRef,
  region: string | undefined,
  kind: keyof SdkModels,
  { body }: { body: JsonObject },
): Failure | null {
  const [field] = Object.keys(body);
  if (region === undefined) {
    const message = `Model ${name} has no region, which signed requests need: set region in request_params, or append :REGION to the access key.`;
    return createFailure('invalid_request', message);
  }
  if (kind === 'languageModel' || field === undefined) return null;
  const message = `request_params of model ${name} contain ${field}, which cannot be added to a signed request; remove it, or use a key of Bedrock.`;
  return createFailure('invalid_request', message);
}

/**
 * Returns the options of a call with own fields of the body. The package adds them before it signs
 * the request.
 */
export function withBedrockFields(
  options: SharedV4ProviderOptions | undefined,
  body: JsonObject,
): { providerOptions: SharedV4ProviderOptions } {
  const bedrock = { ...options?.bedrock, ...body } as SharedV4ProviderOptions[string];
  return { providerOptions: { ...options, bedrock } };
}
