/**
 * A server may ask a client to say its hello again (RFC 8446, section 4.1.4: HelloRetryRequest), and
 * some answer for the name in the second one. This filter of HAProxy's Lua, which follows the reader of
 * lib/network/client_hello.ts, holds the two to one name: it lets no handshake message of the client's
 * pass before the server has answered, and after a request for another hello only one with the name of
 * the first. Then it takes itself out of the way.
 */
export const helloRetryFilter = String.raw`
-- The random value of a ServerHello that asks for another hello (RFC 8446, section 4.1.3).
local retry_random =
  "\xCF\x21\xAD\x74\xE5\x9A\x61\x11\xBE\x1D\x8C\x02\x1E\x65\xB8\x91" ..
  "\xC2\xA2\x11\x16\x7A\xBB\x8C\x5E\x07\x9E\x09\xE2\xC8\xA8\x33\x9C"
-- Types of records.
local change_cipher, alert, handshake = 20, 21, 22
-- A record's head, then a ServerHello's type, length and version, then its random value.
local random_at, random_length = 11, 32

local OneName = { id = "nixbox: one name", flags = 0 }
OneName.__index = OneName

function OneName:new()
  -- first: the hello that was read; waiting: for the server; again: for the second hello; done.
  return setmetatable({ state = "first", request_left = 0, response_left = 0 }, self)
end

function OneName:start_analyze(txn, channel)
  filter.register_data_filter(self, channel)
  return filter.CONTINUE
end

local function refuse(txn, name)
  -- As the log-format of lib/network/inspector.ts has it, but for the tabs, which do not get through.
  txn:log(core.info, string.format("%d tls %s %s retry", core.now().sec, name, txn.f:dst()))
  -- Ends the connection.
  error("refused")
end

-- Goes over whole records and parts of them; look(record, at) says how many bytes to pass from there,
-- or nil to wait for more of them.
local function over_records(self, channel, left, look)
  local passed, available = 0, channel:input()
  while self.state ~= "done" do
    local part = math.min(self[left], available - passed)
    self[left] = self[left] - part
    passed = passed + part
    if self[left] > 0 or available - passed < 5 then return passed end
    local head = channel:data(passed, 5)
    local length = look(head:byte(1), head:byte(4) * 256 + head:byte(5), passed, available - passed)
    if length == nil then return passed end
    self[left] = length
  end
  return nil
end

function OneName:request(txn, channel)
  return over_records(self, channel, "request_left", function(kind, length, at, available)
    local whole = 5 + length
    if self.state == "first" then
      self.state = "waiting"
    elseif kind == handshake then
      if self.state == "waiting" then refuse(txn, "?unreadable") end
      if available < whole then
        if whole > 16000 then refuse(txn, "?unreadable") end
        return nil
      end
      local fine, name = pcall(read, channel:data(at, whole))
      if not fine then name = "?unreadable" end
      if name ~= txn:get_var("sess.name") then refuse(txn, name) end
      self.state = "done"
    end
    return whole
  end)
end

function OneName:response(txn, channel)
  return over_records(self, channel, "response_left", function(kind, length, at, available)
    if self.state == "again" or kind == alert then return 5 + length end
    if kind ~= handshake then
      self.state = "done"
      return 0
    end
    if length < random_at - 5 + random_length then refuse(txn, "?unreadable") end
    if available < random_at + random_length then return nil end
    local start = channel:data(at, random_at + random_length)
    if start:byte(6) ~= 2 then refuse(txn, "?unreadable") end
    self.state = start:sub(random_at + 1) == retry_random and "again" or "done"
    return 5 + length
  end)
end

function OneName:tcp_payload(txn, channel)
  local passed
  if channel:is_resp() then
    passed = self:response(txn, channel)
  else
    passed = self:request(txn, channel)
  end
  if self.state == "done" then filter.unregister_data_filter(self, channel) end
  -- Without any value all passes; nil would be none.
  if passed ~= nil then return passed end
end

core.register_filter("one_name", OneName, function(made) return made end)
`;
