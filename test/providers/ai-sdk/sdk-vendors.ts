import type { SdkVendor } from '../../../src/providers/ai-sdk/models.ts';
import { findVendor } from '../../../src/providers/vendors.ts';
import type { WireFormat } from './wire-formats.ts';

/** The vendors whose packages are installed for tests, with the format of their answers. */
export const SDK_VENDORS = {
  anthropic: 'anthropic',
  google: 'google',
  mistral: 'openai',
  cohere: 'cohere',
  groq: 'openai',
  deepseek: 'openai',
  xai: 'responses',
  azure: 'responses',
  'amazon-bedrock': 'bedrock',
} as const satisfies Record<string, WireFormat>;

export type SdkVendorName = keyof typeof SDK_VENDORS;

/** Returns a vendor that is called through its package. */
export function sdkVendor(name: string): SdkVendor {
  const vendor = findVendor(name);
  if (!vendor?.sdk) throw new Error(`${name} has no package`);
  return { ...vendor, sdk: vendor.sdk };
}
