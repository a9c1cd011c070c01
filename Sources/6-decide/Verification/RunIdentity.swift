import CostModel
import Formats
import Foundation
import Harness
import Input
import Machine
import Model
import Records
import Store

/// Which question a measurement answers: those of another baseline, workload or machine are no part
/// of a loop that is resumed.
package struct RunIdentity {
  static let command = "search"

  package let question: String

  package init(
    baseline: Architecture, test: ThroughputTest, weights: DType, cache: DType, threads: Int,
    instructionSet: String
  ) {
    question = [
      CanonicalJSON.text(.object(baseline.config)), test.name, "batch \(test.batch)",
      "\(weights) \(cache)", "\(threads) threads",
      instructionSet, Processor.model,
    ].joined(separator: "; ")
  }

  /// What a store keeps with a group of measurements.
  struct Details: Codable {
    let question: String
    /// The name of the baseline's record.
    let baseline: String
    /// How many records the group has.
    let models: Int
    let round: Int
    /// That each candidate took.
    let seconds: Double?

    init(question: String, baseline: String, models: Int, round: Int, seconds: Double?) {
      self.question = question
      self.baseline = baseline
      self.models = models
      self.round = round
      self.seconds = seconds
    }

    /// `nil` where the text is another program's or version's.
    init?(_ text: String) {
      guard let details = try? JSONDecoder().decode(Details.self, from: Data(text.utf8)) else {
        return nil
      }
      self = details
    }

    func text() throws -> String {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  static func record(_ text: String, in store: String) throws -> ThroughputRecord {
    let record: ThroughputRecord
    do { record = try RecordText.decode(ThroughputRecord.self, Data(text.utf8)) } catch {
      throw InputError(store, problem: "holds a record that cannot be read: \(error)")
    }
    return try within(store) { try record.checked() }
  }
}
