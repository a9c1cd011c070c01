import Foundation
import Input
import Model
import TestSupport
import Testing

/// Models that people use, with all the fields that their configurations carry.
@Suite struct PopularConfigTests {
  static let models: [String: JSONValue] =
    (try? JSONObject(
      parsing: Data(
        contentsOf: Files.fixtures.appendingPathComponent("configs/popular.json"))))?.fields ?? [:]

  /// Parameters as transformers counts them, with the corrections of routers, of multimodal models those
  /// of the text model.
  @Test(arguments: models.keys.sorted())
  func isRead(name: String) throws {
    guard case .object(let model) = Self.models[name], case .object(let config) = model["config"]
    else {
      Issue.record("\(name) has no config")
      return
    }
    let architecture = try Architecture(name: name, config: JSONObject(config))
    #expect(JSONValue.integer(architecture.parameters.total) == model["parameters"])
    let text = Data(try architecture.configText().utf8)
    #expect(try Architecture(name: name, config: JSONObject(parsing: text)) == architecture)
  }

  @Test func thereAreSome() { #expect(Self.models.count >= 24) }
}
