// Lint rules, and the purity boundary: model/ and reconcile/ decide, they never touch the outside.
import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const pureOnly = {
  files: ['controller/src/model/**/*.ts', 'controller/src/reconcile/**/*.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: '^(?!\\./|\\.\\./(model|reconcile)/)', message: 'model/ and reconcile/ import only each other (docs/ARCHITECTURE.md).' },
        ],
      },
    ],
    'no-restricted-globals': ['error', 'process', 'console', 'setTimeout', 'setInterval', 'fetch', 'performance', 'crypto', 'Buffer'],
    'no-restricted-properties': [
      'error',
      { object: 'Math', property: 'random', message: 'Randomness is an input.' },
      { object: 'Date', property: 'now', message: 'The clock is an input.' },
    ],
    'no-restricted-syntax': [
      'error',
      { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'The clock is an input.' },
      { selector: ':function[async=true]', message: 'Decisions are synchronous.' },
      { selector: 'AwaitExpression', message: 'Decisions are synchronous.' },
    ],
  },
};

const dockerodeOnlyInRuntime = {
  files: ['controller/src/**/*.ts'],
  ignores: ['controller/src/runtime/**', 'controller/src/model/**', 'controller/src/reconcile/**'],
  rules: {
    'no-restricted-imports': ['error', { paths: [{ name: 'dockerode', message: 'Only runtime/ speaks to Docker.' }] }],
  },
};

const configurationOnlyInMain = {
  files: ['controller/src/**/*.ts'],
  ignores: ['controller/src/main.ts', 'controller/src/model/**', 'controller/src/reconcile/**'],
  rules: {
    'no-restricted-properties': [
      'error',
      { object: 'process', property: 'env', message: 'Only main.ts reads the environment.' },
      { object: 'process', property: 'argv', message: 'Only main.ts reads arguments.' },
    ],
  },
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'coverage/**', '.coxswain/**', 'acts-service/web/dist/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'max-lines': ['warn', { max: 450, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/test/**/*.ts', '**/bench/**/*.ts'],
    rules: {
      // chai's property assertions (`expect(x).to.be.true`) are expressions by design.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  pureOnly,
  dockerodeOnlyInRuntime,
  configurationOnlyInMain,
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly', Buffer: 'readonly' } },
  },
  prettier,
);
