import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { commands } from '../../src/cli/registry.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/kubernetes');
const KINDS = { Deployment, Job, NetworkPolicy, PodDisruptionBudget, Service, ServiceAccount };

type Container = {
  name: string;
  image: string;
  args: string[];
  env?: { name: string; value: string }[];
  securityContext: object;
  resources: { requests: object; limits: object };
};
type Manifest = {
  kind: keyof typeof KINDS;
  metadata: { name: string };
  spec: { template: { spec: PodSpec } };
};
type PodSpec = {
  containers: Container[];
  securityContext: object;
  volumes: { name: string; emptyDir?: { sizeLimit?: string } }[];
};
type Policy = {
  kind: string;
  spec: {
    podSelector: {
      matchLabels?: Record<string, string>;
      matchExpressions?: { values: string[] }[];
    };
    policyTypes: string[];
    egress?: {
      to?: { ipBlock?: { cidr: string; except: string[] } }[];
      ports: { port: unknown }[];
    }[];
  };
};

const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8');
const kustomization = parse(read('kustomization.yaml'));
const manifests: Manifest[] = kustomization.resources.flatMap((file: string) =>
  parseAllDocuments(read(file)).map((document) => document.toJS()),
);
const pods = manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job');

/** Names of all fields in the API of Kubernetes, which silently ignores unknown fields. */
const FIELDS = new Set(
  [
    'v1',
    'apps/v1',
    'batch/v1',
    'networking.k8s.io/v1',
    'policy/v1',
    '../@kubernetes-models/apimachinery/apis/meta/v1',
  ].flatMap((part) => {
    const folder = join(import.meta.dirname, '../../node_modules/kubernetes-models', part);
    return readdirSync(folder)
      .filter((file) => file.endsWith('.d.ts'))
      .flatMap((file) => [
        ...readFileSync(join(folder, file), 'utf8').matchAll(/^ +"?(\w+)"?\??:/gm),
      ])
      .map(([, field]) => field);
  }),
);

/**
 * Returns every field name of a manifest. Keys of labels, annotations and resources are arbitrary
 * and therefore omitted.
 */
function fieldsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  return Object.entries(value).flatMap(([field, inner]) =>
    /^(labels|annotations|matchLabels|requests|limits)$/.test(field)
      ? [field]
      : [field, ...fieldsOf(inner)],
  );
}

/** Throws if the API of Kubernetes would reject the manifest. The error names the field. */
function validate(manifest: Manifest): void {
  new KINDS[manifest.kind](manifest as never).validate();
}

describe('the manifests for Kubernetes', () => {
  test('are all listed in the kustomization, which pins the image of this release', () => {
    const files = readdirSync(FOLDER).filter((file) => file !== 'kustomization.yaml');
    expect([...kustomization.resources].sort()).toEqual(files.sort());
    const { version } = JSON.parse(readFileSync(join(FOLDER, '../../package.json'), 'utf8'));
    expect(kustomization.images).toEqual([{ name: 'howdah', newName: 'howdah', newTag: version }]);
  });

  test.each(manifests.map((one): [string, Manifest] => [`${one.kind} ${one.metadata.name}`, one]))(
    '%s is valid for the Kubernetes API',
    (_name, manifest) => {
      validate(manifest);
      const wrong = { ...manifest, metadata: { name: 7 as never } };
      expect(() => validate(wrong)).toThrow('must be string');
      expect(
        fieldsOf(manifest).filter((field) => !field.includes('/') && !FIELDS.has(field)),
      ).toEqual([]);
    },
  );

  test.each(pods.map((one): [string, Manifest] => [one.metadata.name, one]))(
    '%s runs our command as an unprivileged user, with limits and secrets by reference',
    (_name, { spec }) => {
      const { containers, securityContext } = spec.template.spec;
      expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      for (const { image, args, env = [], resources, ...container } of containers) {
        expect(image).toBe('howdah');
        expect(commands.map(({ name }) => name)).toContain(args[0]);
        expect(container).toMatchObject({
          envFrom: [{ secretRef: { name: 'howdah' } }],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        });
        expect(env.map(({ name }) => name).filter((name) => /KEY|SECRET|URL/.test(name))).toEqual(
          [],
        );
        expect(resources).toMatchObject({
          requests: { memory: expect.any(String) },
          limits: { memory: expect.any(String) },
        });
      }
    },
  );

  test.each(pods.map((one): [string, Manifest] => [one.metadata.name, one]))(
    '%s can fill no disk of its node',
    (_name, { spec }) => {
      for (const { name, emptyDir } of spec.template.spec.volumes) {
        expect({ name, limit: emptyDir?.sizeLimit }).toEqual({ name, limit: expect.any(String) });
      }
    },
  );

  test('every pod has a policy for both directions, and none reaches the cluster', () => {
    const policies = manifests.filter(
      ({ kind }) => kind === 'NetworkPolicy',
    ) as unknown as Policy[];
    const [ofAll] = policies;
    expect(ofAll?.spec).toMatchObject({
      podSelector: { matchLabels: kustomization.labels[0].pairs },
      policyTypes: ['Ingress', 'Egress'],
    });
    expect(kustomization.labels[0].includeSelectors).toBe(true);
    for (const { spec } of policies) {
      for (const { to, ports } of spec.egress ?? []) {
        expect(ports.length).toBeGreaterThan(0);
        for (const { ipBlock } of to ?? []) {
          if (ipBlock?.cidr === '0.0.0.0/0') {
            expect(ipBlock.except).toEqual(
              expect.arrayContaining([
                '10.0.0.0/8',
                '172.16.0.0/12',
                '192.168.0.0/16',
                '169.254.0.0/16',
              ]),
            );
          }
        }
      }
    }
  });
});
