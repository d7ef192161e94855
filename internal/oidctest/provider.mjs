// An OpenID provider for tests: anybody may sign in, under any name.
//
//   node provider.mjs PORT SETTINGS
//
// SETTINGS is JSON: the keys to sign by, the first of which does ({keys: [...]}),
// the audience of access tokens, and the seconds that tokens last.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const [port, text] = process.argv.slice(2);
const { jwks, audience, lasts } = JSON.parse(text);
const scope = "statusd:read statusd:write statusd:admin";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks,
  clients: [{
    client_id: "front-end", client_secret: "a secret of tests alone, of no use", redirect_uris: ["http://127.0.0.1/callback"],
    grant_types: ["authorization_code"], response_types: ["code"],
    application_type: "native", token_endpoint_auth_method: "client_secret_post",
  }],
  scopes: ["openid", "email", ...scope.split(" ")],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["tests"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: !id.startsWith("unverified") }),
  }),
  extraTokenClaims: (_, token) => ({ realm: { owners: token.accountId } }),
  features: {
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

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
