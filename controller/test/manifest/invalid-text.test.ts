/** Text that is not YAML, too much of it, or not an object Coxswain knows -> everything that is said about it, compared whole. */
import { below, CONFIG_MAP, DEPLOYMENT, describeProblems, edit, join, SECRET } from './fixtures.ts';

/** Nine levels of ten: a billion values from nine lines. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]\n`);
  return `l0: &l0 [${Array(10).fill('x').join(', ')}]\n${levels.join('')}`;
}

describeProblems('text that is no manifest: text', [
  {
    name: 'nesting by indentation without an end',
    files: Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    problems: ['TooDeep web.yaml:65:65: nested deeper than 64 levels'],
  },
  { name: 'an alias bomb', files: bomb(), problems: ['AliasBomb web.yaml:1:1: more than 100 values come out of aliases'] },
  {
    name: 'a tab as indentation',
    files: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: web\n',
    problems: ['BadYaml web.yaml:4:1: Tabs are not allowed as indentation'],
  },
  { name: 'a key twice', files: below(CONFIG_MAP, 'kind:', 'kind: Secret'), problems: ['BadYaml web.yaml:3:1: Map keys must be unique'] },
  {
    name: 'bad indentation',
    files: edit(DEPLOYMENT, '      labels: {app: web}', '     labels: {app: web}\n       x: y'),
    problems: ['BadYaml web.yaml:12:1: All mapping items must start at the same column'],
  },
  { name: 'an unclosed quote', files: edit(CONFIG_MAP, 'hello', '"hello'), problems: ['BadYaml web.yaml:7:1: Missing closing "quote'] },
  {
    name: 'a tag of a program',
    files: edit(CONFIG_MAP, 'hello', '!!js/function "x"'),
    problems: ['BadYaml web.yaml:6:13: Unresolved tag: tag:yaml.org,2002:js/function'],
  },
  {
    name: 'a key that is a list',
    files: `${CONFIG_MAP}  ? [a, b]\n  : c\n`,
    problems: ['BadYaml web.yaml:7:5: With stringKeys, all keys must be strings'],
  },
  {
    name: 'an alias of nothing',
    files: edit(CONFIG_MAP, 'hello', '*nowhere'),
    problems: ['BadYaml web.yaml:1:1: Unresolved alias (the anchor must be set before the alias): nowhere'],
  },
  {
    name: 'an alias within itself',
    files: edit(CONFIG_MAP, '\ndata:', '\ndata: &data\n  me: *data'),
    problems: ['BadYaml web.yaml:1:1: an alias contains itself'],
  },
  { name: 'nesting without an end', files: '['.repeat(90_000), problems: ['TooDeep web.yaml:1:65: nested deeper than 64 levels'] },
  {
    name: 'a map of too many keys',
    files: `${CONFIG_MAP}${Array.from({ length: 2001 }, (_, n) => `  key${n}: x\n`).join('')}`,
    problems: ['TooLarge web.yaml:6:3: more than 2000 entries in one map or flow list'],
  },
  {
    name: 'too many documents',
    files: '---\na: 1\n'.repeat(501),
    problems: ['TooLarge web.yaml:1001:1: more than 500 documents in one file'],
  },
  {
    name: 'too many words',
    files: `a: [${'a,'.repeat(60_000)}]`,
    problems: ['TooLarge web.yaml:1:66667: more than 100000 words and signs in one file'],
  },
  {
    name: 'JSON that is cut short',
    files: { 'web.json': '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "we' },
    problems: ['BadYaml web.json:1:67: Missing closing "quote'],
  },
  {
    name: 'an empty file',
    files: '',
    problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
  },
  {
    name: 'nothing but comments and separators',
    files: '---\n# nothing yet\n---\n',
    problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
  },
  {
    name: 'an empty List',
    files: 'apiVersion: v1\nkind: List\nitems: []\n',
    problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
  },
  {
    name: 'one bad document among good ones',
    files: join(CONFIG_MAP, 'a: b: c\n', SECRET),
    problems: ['BadYaml web.yaml:8:4: Nested mappings are not allowed in compact mappings'],
  },
]);

describeProblems('text that is no manifest: kind', [
  {
    name: 'a plain word',
    files: 'hello\n',
    problems: ['WrongType web.yaml:1:1: expected an object with apiVersion and kind, found "hello"'],
  },
  { name: 'a list', files: '- a\n- b\n', problems: ['WrongType web.yaml:1:1: expected an object with apiVersion and kind, found a list'] },
  {
    name: 'no kind',
    files: edit(CONFIG_MAP, 'kind: ConfigMap\n', ''),
    problems: ['MissingField web.yaml:1:1 kind: this field is required'],
  },
  {
    name: 'a kind that is a number',
    files: edit(CONFIG_MAP, 'kind: ConfigMap', 'kind: 7'),
    problems: ['WrongType web.yaml:2:1 kind: expected text, found 7'],
  },
  {
    name: 'a misspelt kind',
    files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: Deploymnet'),
    problems: ['UnknownKind web.yaml:2:1 kind: unknown kind "Deploymnet"; did you mean "Deployment"?'],
  },
  {
    name: 'a kind of Kubernetes that Coxswain does not have',
    files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: StatefulSet'),
    problems: [
      'UnknownKind web.yaml:2:1 kind: unknown kind "StatefulSet"; expected one of Deployment, Pod, Service, Ingress, HorizontalPodAutoscaler, ConfigMap, Secret, PersistentVolumeClaim, Namespace',
    ],
  },
  {
    name: 'a kind that only Coxswain makes',
    files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: ReplicaSet'),
    problems: ['UnknownKind web.yaml:2:1 kind: a ReplicaSet is made by Coxswain, it cannot be declared'],
  },
  {
    name: 'no apiVersion',
    files: edit(DEPLOYMENT, 'apiVersion: apps/v1\n', ''),
    problems: ['MissingField web.yaml:1:1 apiVersion: this field is required; a Deployment is apps/v1'],
  },
  {
    name: 'an old apiVersion',
    files: edit(DEPLOYMENT, 'apps/v1', 'extensions/v1beta1'),
    problems: ['UnknownKind web.yaml:1:1 apiVersion: expected apps/v1, which is where a Deployment is, found "extensions/v1beta1"'],
  },
  {
    name: 'an item of a List',
    files: `apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: web}\n    dta: {a: b}\n`,
    problems: ['UnknownField web.yaml:7:5 configmap/web dta: unknown field "dta"; did you mean "data"?'],
  },
]);
