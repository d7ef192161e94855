// An OpenID provider for tests: anybody may sign in, under any name.
//
//   node provider.mjs PORT SETTINGS
//
// SETTINGS is JSON: the keys to sign by, the first of which does ({keys: [...]}),
// the audience of access tokens, the seconds that tokens last, and the file that
// the path of every request is added to.

import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const [port, text] = process.argv.slice(2);
const { jwks, audience, lasts, requests } = JSON.parse(text);
const scope = "statusd:read statusd:write statusd:admin";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks,
  clients: [{
    client_id: "front-end", client_secret: "a secret of tests alone, of no use", redirect_uris: ["http://127.0.0.1/callback"],
    grant_types: ["authorization_code", "client_credentials"], response_types: ["code"],
    application_type: "native", token_endpoint_auth_method: "client_secret_post",
  }],
  scopes: ["openid", "email", "groups", ...scope.split(" ")],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("unverified"), groups: ["people", `of-${id}`],
    }),
  }),
  // A program that comes for itself is in no realm.
  extraTokenClaims: (_, token) => token.accountId && ({ realm: { owners: token.accountId } }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope, audience, accessTokenFormat: "jwt", accessTokenTTL: lasts }),
    },
  },
  ttl: { IdToken: lasts, AccessToken: lasts },
});

// Written before the answer is, so that who has an answer finds its request.
provider.use((ctx, next) => {
  appendFileSync(requests, `${ctx.path}\n`);
  return next();
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
