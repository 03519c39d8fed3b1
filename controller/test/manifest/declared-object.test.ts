/** Declared objects in the store and back. */
import { expect } from 'chai';
import { ANNOTATION } from '../../src/model/annotations.ts';
import type { DeclarableObject, Deployment, Secret } from '../../src/model/objects.ts';
import { declaredPart, storedObject } from '../../src/manifest/declared-object.ts';
import { parseManifests } from '../../src/manifest/parse-manifests.ts';
import { DEPLOYMENT, edit, join, read, schemas, SECRET, SHIPPED } from './fixtures.ts';

function deployment(text = DEPLOYMENT): Deployment {
  return read(text).objects[0]!.object as Deployment;
}

describe('a declared object in the store', () => {
  it('is got back as it was declared, for all shipped objects', () => {
    for (const { object, source } of parseManifests(SHIPPED, { schemas }).objects) {
      const applied = { object, file: source.file };
      expect(declaredPart(storedObject(applied, undefined))).to.deep.equal(applied);
    }
  });

  it('is got back as declared after Coxswain and people wrote to it', () => {
    const applied = { object: deployment(), file: 'web.yaml' };
    const stored = storedObject(applied, undefined) as Deployment;
    const written: Deployment = {
      ...stored,
      metadata: {
        ...stored.metadata,
        uid: 'u',
        resourceVersion: '7',
        generation: 2,
        annotations: { ...stored.metadata.annotations, [ANNOTATION.revision]: '3' },
      },
      spec: {
        ...stored.spec,
        replicas: 5,
        template: {
          ...stored.spec.template,
          metadata: { ...stored.spec.template.metadata, annotations: { [ANNOTATION.restartedAt]: 'now' } },
        },
      },
      status: { replicas: 5 },
    };
    expect(declaredPart(written)).to.deep.equal(applied);
    expect(storedObject(applied, written)).to.deep.equal(written);
  });

  it('is nothing when no manifest declared it', () => {
    expect(declaredPart(deployment())).to.equal(undefined);
  });

  const scales = [
    { name: 'a scale stands while the manifest says the same', text: DEPLOYMENT, replicas: 5 },
    { name: 'a scale ends when the manifest says another number', text: edit(DEPLOYMENT, 'replicas: 2', 'replicas: 3'), replicas: 3 },
    { name: 'a scale stands when the manifest stops to say a number', text: edit(DEPLOYMENT, '  replicas: 2\n', ''), replicas: 5 },
    { name: 'a scale stands when something else changes', text: edit(DEPLOYMENT, 'web:1', 'web:2'), replicas: 5 },
  ];
  for (const { name, text, replicas } of scales) {
    it(name, () => {
      const first = storedObject({ object: deployment(), file: 'web.yaml' }, undefined) as Deployment;
      const scaled: DeclarableObject = { ...first, spec: { ...first.spec, replicas: 5 } };
      const next = storedObject({ object: deployment(text), file: 'web.yaml' }, scaled) as Deployment;
      expect(next.spec.replicas).to.equal(replicas);
    });
  }

  const overrides: readonly { name: string; text: string; image: string; paused: boolean | undefined; cause: string | undefined }[] = [
    {
      name: 'an image and a pause set over the API stand while the manifest says the same',
      text: DEPLOYMENT,
      image: 'web:9',
      paused: true,
      cause: 'by hand',
    },
    {
      name: 'they stand when something else in the manifest changes',
      text: edit(DEPLOYMENT, 'replicas: 2', 'replicas: 3'),
      image: 'web:9',
      paused: true,
      cause: 'by hand',
    },
    {
      name: 'another template in the manifest wins, and leaves a pause',
      text: edit(DEPLOYMENT, 'web:1', 'web:2'),
      image: 'web:2',
      paused: true,
      cause: undefined,
    },
    {
      name: 'another word on pausing in the manifest wins, and leaves the template',
      text: edit(DEPLOYMENT, 'replicas: 2', 'replicas: 2\n  paused: false'),
      image: 'web:9',
      paused: false,
      cause: 'by hand',
    },
  ];
  for (const { name, text, image, paused, cause } of overrides) {
    it(name, () => {
      const declared = deployment();
      const stored = storedObject({ object: declared, file: 'web.yaml' }, undefined) as Deployment;
      const { template } = stored.spec;
      const containers = template.spec.containers.map((container) => ({ ...container, image: 'web:9' }));
      const changed: Deployment = {
        ...stored,
        metadata: { ...stored.metadata, annotations: { ...stored.metadata.annotations, [ANNOTATION.changeCause]: 'by hand' } },
        spec: { ...stored.spec, paused: true, template: { ...template, spec: { ...template.spec, containers } } },
      };
      const next = storedObject({ object: deployment(text), file: 'web.yaml' }, changed, declared) as Deployment;
      expect(next.spec.template.spec.containers[0]?.image).to.equal(image);
      expect(next.spec.paused).to.equal(paused);
      expect(next.metadata.annotations?.[ANNOTATION.changeCause]).to.equal(cause);
    });
  }

  it('an annotation or label that is declared no more goes; those of Coxswain and kubectl stay', () => {
    const labelled = deployment(edit(DEPLOYMENT, 'name: web\nspec', 'name: web\n  labels: {a: b}\n  annotations: {note: x}\nspec'));
    const first = storedObject({ object: labelled, file: 'web.yaml' }, undefined);
    const revised = {
      ...first,
      metadata: { ...first.metadata, uid: 'u', annotations: { ...first.metadata.annotations, [ANNOTATION.revision]: '2' } },
    } as DeclarableObject;
    expect(storedObject({ object: deployment(), file: 'other.yaml' }, revised).metadata).to.deep.equal({
      name: 'web',
      namespace: 'default',
      uid: 'u',
      annotations: { [ANNOTATION.revision]: '2', [ANNOTATION.source]: 'other.yaml', [ANNOTATION.declaredReplicas]: '2' },
    });
  });

  it('generated values of a Secret stay, and do not count as declared', () => {
    const text = edit(SECRET, 'name: web', 'name: web\n  annotations: {coxswain.dev/generate: token}');
    const applied = { object: read(join(text)).objects[0]!.object, file: 's.yaml' };
    const stored = storedObject(applied, undefined) as Secret;
    const generated: Secret = { ...stored, data: { ...stored.data, token: 'c2VjcmV0' } };
    expect(declaredPart(generated)).to.deep.equal(applied);
    expect((storedObject(applied, generated) as Secret).data).to.deep.equal({ password: 'aHVudGVyMg==', token: 'c2VjcmV0' });
  });
});
