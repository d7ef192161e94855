package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/statusd/statusd/client"
)

// A training reports by itself, and waits for nothing.
func ExampleClient_Track() {
	c, err := client.New(client.FromEnvironment(os.Getenv))
	if err != nil {
		log.Fatal(err)
	}
	job := c.Track("bert-17", client.Tracking{Owner: "vision"})
	end := client.Update{Status: client.Success}
	for epoch := range 10 {
		select {
		case <-job.Cancelled():
			end = client.Update{Status: client.Fail, Error: &client.Failure{Code: client.Cancelled, Message: job.CancelReason()}}
		default:
			loss := train(epoch)
			job.Progress(client.Progress{Current: float64(epoch + 1), Total: 10, Unit: "epoch"}, fmt.Sprintf("loss %.3f", loss))
			continue
		}
		break
	}
	if err := job.End(context.Background(), end); err != nil {
		log.Println("not reported:", err)
	}
}

// A worker without a background reports each step.
func ExampleClient_Report() {
	c, err := client.New(client.Config{Server: "https://statusd.example.com", TokenFile: "/run/secrets/statusd"})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = c.Report(ctx, "bert-17", client.Update{
		Status: client.InProgress, Attempt: 2, Progress: &client.Progress{Current: 3, Total: 10, Unit: "epoch"},
	})
	if errors.Is(err, client.Superseded) {
		log.Fatal("another worker has taken over")
	}
}

// A program that needs the model waits for it.
func ExampleClient_Wait() {
	c, err := client.New(client.FromEnvironment(os.Getenv))
	if err != nil {
		log.Fatal(err)
	}
	record, err := c.Wait(context.Background(), "bert-17")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(record.Status, record.Metadata["checkpoint"])
}

// Everything that changes is told.
func ExampleClient_Follow() {
	c, err := client.New(client.FromEnvironment(os.Getenv))
	if err != nil {
		log.Fatal(err)
	}
	for record, err := range c.Follow(context.Background(), "bert-17") {
		switch {
		case err != nil:
			log.Fatal(err)
		case record == nil:
			fmt.Println("deleted")
		default:
			fmt.Println(record.Status, record.Message)
		}
	}
}

func train(int) float64 { return 0.5 }
