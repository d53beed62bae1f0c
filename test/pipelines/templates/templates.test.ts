import { describe, expect, test } from 'vitest';
import type { MallardError } from '../../../data/errors.ts';
import { compileTemplate } from '../../../pipelines/templates/compile.ts';
import { assemble, renderMessage } from '../../../pipelines/templates/render.ts';
import type { MessageTemplate } from '../../../pipelines/templates/template.ts';
import { checkVariables } from '../../../pipelines/templates/variables.ts';

const account = {
  name: 'Example Company',
  postal_address: '1 Example Street',
  public_url: 'http://127.0.0.1:3000',
  from_email: 'hello@example.com',
};
const common = { account, unsubscribe_url: 'http://127.0.0.1:3000/u/abc' };

async function render(
  template: MessageTemplate,
  values: Record<string, unknown> = {},
  messageClass: 'marketing' | 'transactional' = 'marketing',
) {
  const compiled = await compileTemplate(template, messageClass);
  const message = renderMessage(compiled, { ...common, ...values });
  return {
    compiled,
    subject: message.subject,
    html: compiled.html === null ? null : assemble(compiled.html, message.html_pieces),
    text: assemble(compiled.text, message.text_pieces),
  };
}

describe('parts', () => {
  test('MJML becomes HTML and text with the values in both', async () => {
    const { subject, html, text } = await render(
      {
        subject: 'For {{ first_name }}',
        preview_text: 'News for {{ first_name }}',
        body: '<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ first_name }}, {% if email.clicks > 2 %}thanks for {{ email.clicks }} clicks{% endif %}</mj-text><mj-button href="https://example.com/a">Look</mj-button></mj-column></mj-section></mj-body></mjml>',
        format: 'mjml',
      },
      { first_name: 'Ann & Bob <x>', email: { clicks: 3 } },
    );
    expect(subject).toBe('For Ann & Bob <x>');
    expect(html).toContain('Hi Ann &amp; Bob &lt;x&gt;, thanks for 3 clicks');
    expect(html).toContain('News for Ann &amp; Bob');
    expect(html).toContain('<a href="http://127.0.0.1:3000/u/abc"');
    expect(html).toContain('1 Example Street');
    expect(html).not.toContain('fonts.googleapis.com');
    expect(text).toContain('Hi Ann & Bob <x>, thanks for 3 clicks');
    expect(text).toContain('Look (https://example.com/a)');
    expect(text).toContain('Unsubscribe (http://127.0.0.1:3000/u/abc)');
    expect(text).not.toContain('News for');
  });

  test('plain text has no HTML part and gets the footer', async () => {
    const { html, text } = await render({ subject: 'x', body: 'Hello', format: 'text' });
    expect(html).toBeNull();
    expect(text).toBe('Hello\n\n-- \n1 Example Street\nUnsubscribe: http://127.0.0.1:3000/u/abc\n');
  });

  test('a footer is added only for what the body leaves out, and never to a transactional mail', async () => {
    const own = await render({
      subject: 'x',
      body: '<p><a href="{{ unsubscribe_url }}">stop</a></p>',
      format: 'html',
    });
    expect(own.html?.match(/u\/abc/g)).toHaveLength(1);
    expect(own.html).toContain('1 Example Street');
    const guarded = await render({
      subject: 'x',
      body: '{% if nobody %}{{ unsubscribe_url }}{% endif %}',
      format: 'text',
    });
    expect(guarded.text).toContain('Unsubscribe: http://127.0.0.1:3000/u/abc');
    const receipt = await render(
      { subject: 'x', body: '<p>Your receipt</p>', format: 'html' },
      {},
      'transactional',
    );
    expect(receipt.html).not.toContain('u/abc');
    expect(receipt.compiled.variables).toEqual([]);
  });

  test('a line break in a value does not start another header', async () => {
    const { subject } = await render(
      { subject: 'Hi {{ first_name }}', body: 'x', format: 'text' },
      { first_name: 'A\r\nBcc: b@example.com' },
    );
    expect(subject).toBe('Hi A Bcc: b@example.com');
  });

  test('pieces see what an earlier piece assigned', async () => {
    const { text } = await render(
      { subject: 'x', body: '{% assign who = first_name | upcase %}Dear {{ who }}!', format: 'text' },
      { first_name: 'ann' },
    );
    expect(text).toMatch(/^Dear ANN!/);
  });
});

describe('variables', () => {
  test('are found in every part; those put out unguarded are required', async () => {
    const compiled = await compileTemplate(
      {
        subject: '{{ first_name }}',
        body: '{% assign x = city %}{{ x }} {{ country | default: "?" }} {% if email.last_30_days.clicks > 1 %}{{ job_title }}{% endif %}',
        format: 'html',
      },
      'transactional',
    );
    expect(compiled.variables).toEqual([
      'city',
      'country',
      'email.last_30_days.clicks',
      'first_name',
      'job_title',
    ]);
    expect(compiled.required).toEqual(['first_name']);
  });

  test('an unknown one is refused with the nearest name', () => {
    expect(() => checkVariables(['first_nmae'], ['last_name', 'first_name', 'country'])).toThrowError(
      expect.objectContaining({
        code: 'template_invalid',
        fields: { variable: 'first_nmae', nearest: 'first_name' },
      }),
    );
    expect(() =>
      checkVariables(['first_name', 'account.name', 'unsubscribe_url'], ['first_name']),
    ).not.toThrow();
  });
});

describe('locked down', () => {
  const refused = async (template: Partial<MessageTemplate>) => {
    try {
      await render({ subject: 'x', body: 'x', format: 'text', ...template });
    } catch (error) {
      return error as MallardError;
    }
    throw new Error('it was accepted');
  };

  test('files cannot be read through render, include, layout or mj-include', async () => {
    for (const tag of [
      "{% render '/etc/passwd' %}",
      "{% include '/etc/passwd' %}",
      "{% layout '/etc/passwd' %}",
    ]) {
      expect((await refused({ body: tag })).code).toBe('template_invalid');
    }
    const { html } = await render({
      subject: 'x',
      body: '<mjml><mj-body><mj-raw>seen</mj-raw><mj-include path="/etc/passwd" type="html" /></mj-body></mjml>',
      format: 'mjml',
    });
    expect(html).toContain('seen');
    expect(html).not.toContain('root:');
  });

  test('prototypes are out of reach', async () => {
    const { text } = await render(
      { subject: 'x', body: '[{{ first_name.constructor.name }}{{ account.toString }}]', format: 'text' },
      { first_name: 'a' },
    );
    expect(text).toMatch(/^\[\]/);
  });

  test('a template that never ends meets its limit', async () => {
    const error = await refused({
      body: '{% for i in (1..100000000) %}{% for j in (1..100000000) %}x{% endfor %}{% endfor %}',
    });
    expect(error.code).toBe('template_invalid');
  });

  test('errors name part and line', async () => {
    const liquid = await refused({ body: 'a\n{% if %}' });
    expect(liquid.fields).toMatchObject({ line: 2 });
    const mjml = await refused({ body: '<mjml><mj-body>\n<mj-foo /></mj-body></mjml>', format: 'mjml' });
    expect(mjml.message).toContain('line 2');
    expect(mjml.message).toContain('mj-foo');
    expect((await refused({ subject: '{{ x | nofilter }}' })).fields).toMatchObject({ part: 'subject' });
  });
});
