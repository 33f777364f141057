# For WEBrick.
require "webrick"
require_relative "record"

class Reader < WEBrick::HTTPServlet::AbstractServlet
  def service(request, response)
    target = request.unparsed_uri
    fields = request.header.flat_map { |name, values| values.map { |value| [name, value] } }
    seen = note(request.request_method, target, [request.path, request.path_info], fields)
    early = target.end_with?("/early")
    sleep 0.01 while held?(target)
    response.status = early ? 403 : 200
    response.body = answer(seen, early ? "" : request.body || "")
  end
end

server = WEBrick::HTTPServer.new(
  BindAddress: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [], Logger: WEBrick::Log.new(File::NULL)
)
server.mount("/", Reader)
trap("TERM") { server.shutdown }
server.start
