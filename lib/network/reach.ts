/**
 * Finds where a connection goes, in HAProxy's Lua: asks the slot's own resolver for all addresses of
 * the name, by TCP, so that there may be very many of them, and where there are several takes the first
 * that answers, as a client on the host would. HAProxy's own resolver knows one address of a name, and
 * none where they do not fit into one datagram.
 *
 * Sets `target` in the scope that it is given, or `problem` to `unresolved` or `unreachable`.
 */
export function reachAction(resolver: string): string {
  return String.raw`
local resolver = "${resolver}"
-- Seconds that an answer, and the address that was found to work, are used again.
local kept_seconds = 10
local most_kept = 500
-- Of very many addresses so many are tried: milliseconds until the next, and for all.
local most_tries, head_start, longest_wait = 6, 300, 5000

local function question(name)
  local labels = name:gsub("([^.]+)%.?", function(label)
    return string.char(#label) .. label
  end)
  local text = string.pack(">I2I2I2I2I2I2", math.random(0, 65535), 0x100, 1, 0, 0, 0) ..
    labels .. "\0" .. string.pack(">I2I2", 1, 1)
  return string.pack(">I2", #text) .. text
end

-- The position after a name, which may end with a reference to another one (RFC 1035, section 4.1.4).
local function after_name(text, at)
  while true do
    local length = text:byte(at)
    if length == 0 then return at + 1 end
    if length >= 192 then return at + 2 end
    at = at + 1 + length
  end
end

-- The IPv4 addresses in a whole answer, in their order.
local function addresses_in(text)
  local addresses = {}
  local _, _, questions, answers = string.unpack(">I2I2I2I2", text)
  local at = 13
  for _ = 1, questions do at = after_name(text, at) + 4 end
  for _ = 1, answers do
    at = after_name(text, at)
    local kind, class, _, length, start = string.unpack(">I2I2I4I2", text, at)
    if kind == 1 and class == 1 and length == 4 then
      addresses[#addresses + 1] = table.concat({ text:byte(start, start + 3) }, ".")
    end
    at = start + length
  end
  return addresses
end

local function ask(name)
  local socket = core.tcp()
  socket:settimeout(5)
  if not socket:connect(resolver, 53) or not socket:send(question(name)) then return {} end
  local head = socket:receive(2)
  local text = head and socket:receive((string.unpack(">I2", head)))
  socket:close()
  return text and addresses_in(text) or {}
end

local function answers(address, port)
  local socket = core.tcp()
  local is_open = socket:connect(address, port) ~= nil
  socket:close()
  return is_open
end

-- Waits in growing steps, so many milliseconds at most, for check() to say that it is enough.
local function wait(milliseconds, check)
  local waited, step = 0, 1
  while waited < milliseconds and not check() do
    core.msleep(step)
    waited = waited + step
    step = math.min(step * 2, 20)
  end
end

-- The first that answers; each is given a head start on the next (as of RFC 8305, section 5).
local function first_that_answers(addresses, port)
  local found, open_tries = nil, 0
  local function is_enough() return found or open_tries == 0 end
  for number = 1, math.min(#addresses, most_tries) do
    local address = addresses[number]
    open_tries = open_tries + 1
    core.register_task(function()
      local fine, is_open = pcall(answers, address, port)
      if fine and is_open then found = found or address end
      open_tries = open_tries - 1
    end)
    wait(head_start, is_enough)
    if found then return found end
  end
  wait(longest_wait, is_enough)
  return found
end

local kept, kept_count = {}, 0

-- As long as a name may be that the guest asks for itself (lib/network/dns_request_rules.ts).
local longest_name = 150

local function find(name, port)
  if #name > longest_name then return nil, "long" end
  local now = core.now().sec
  local key = name .. " " .. port
  local earlier = kept[key]
  if earlier and earlier.until_time > now then return earlier.address end
  local fine, addresses = pcall(ask, name)
  if not fine or #addresses == 0 then return nil, "unresolved" end
  local address = addresses[1]
  if #addresses > 1 then
    address = first_that_answers(addresses, port)
    if address == nil then return nil, "unreachable" end
  end
  if kept_count >= most_kept then kept, kept_count = {}, 0 end
  if kept[key] == nil then kept_count = kept_count + 1 end
  kept[key] = { address = address, until_time = now + kept_seconds }
  return address
end

core.register_action("reach", { "tcp-req", "http-req" }, function(txn, scope, port)
  local address, problem = find(txn:get_var(scope .. ".name"), tonumber(port))
  if address then
    txn:set_var(scope .. ".target", address)
  else
    txn:set_var(scope .. ".problem", problem)
  end
end, 2)
`;
}
