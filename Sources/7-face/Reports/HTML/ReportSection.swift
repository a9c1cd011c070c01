/// A part of the page: what it takes from the records, and the figures that it makes of them.
protocol ReportSection {
  /// Of the page's anchors; of figures the beginning.
  static var id: String { get }
  static var title: String { get }
  /// What the section shows, and how it is to be read.
  static var about: String { get }

  /// The figures; none where the records hold nothing for this section.
  ///
  /// - Throws: `InputError` for a record that lacks what its kind has.
  static func figures(_ input: ReportInput) throws -> [Figure]
}

enum ReportSections {
  /// In the order of the page.
  static var all: [any ReportSection.Type] {
    [
      ThroughputSection.self, DepthSection.self, BatchSection.self, WorkloadSection.self,
      AgreementSection.self, PredictionSection.self, ServingSection.self, SearchSection.self,
      QualitySection.self, GateSection.self, HistorySection.self, CalibrationSection.self,
      FailureSection.self,
    ]
  }
}
