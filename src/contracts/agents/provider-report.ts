/** A provider and what a host has for it, as `howdah_private.report_providers` takes it. */
export type ProviderReport = {
  provider: string;
  has_package: boolean;
  has_key: boolean;
  /** Set if the environment has another address for the provider. */
  has_address?: boolean;
};
