/** The port of the guest's own loopback, and of vsock, by which it reaches the proxy. */
export const guestProxyPort = 3128;

/**
 * The variables by which programs find a proxy: in both cases, since some read only one of them (curl
 * takes http_proxy in lower case alone).
 */
export function proxyVariables(): Readonly<Record<string, string>> {
  const address = `http://127.0.0.1:${guestProxyPort}`;
  const here = "localhost,127.0.0.1,::1";
  return {
    HTTP_PROXY: address,
    HTTPS_PROXY: address,
    ALL_PROXY: address,
    NO_PROXY: here,
    http_proxy: address,
    https_proxy: address,
    all_proxy: address,
    no_proxy: here,
  };
}
