export const topicCalls = 5
